/** Schemas with a part of what ours has, to draw documents from. */
import { buildASTSchema, type DefinitionNode, type GraphQLSchema, Kind, parse, printSchema } from "graphql";

/** The schema with those fields of its object types that `keeps` says yes to; a type without any is left out. */
export function prunedSchema(whole: GraphQLSchema, keeps: (type: string, field: string) => boolean): GraphQLSchema {
  const document = parse(printSchema(whole));
  const definitions = document.definitions.flatMap((definition): DefinitionNode[] => {
    if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION) return [definition];
    const fields = definition.fields?.filter((field) => keeps(definition.name.value, field.name.value)) ?? [];
    return fields.length === 0 ? [] : [{ ...definition, fields }];
  });
  return buildASTSchema({ ...document, definitions }, { assumeValid: true });
}
