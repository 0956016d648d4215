/** Schemas with a part of our fields, to generate documents from. */
import { buildASTSchema, type DefinitionNode, type GraphQLSchema, Kind, parse, printSchema } from "graphql";

/** The schema with the fields that `isKept` accepts. Types without fields are left out. */
export function prunedSchema(whole: GraphQLSchema, isKept: (type: string, field: string) => boolean): GraphQLSchema {
  const document = parse(printSchema(whole));
  const definitions = document.definitions.flatMap((definition): DefinitionNode[] => {
    if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION) return [definition];
    const fields = definition.fields?.filter((field) => isKept(definition.name.value, field.name.value)) ?? [];
    return fields.length === 0 ? [] : [{ ...definition, fields }];
  });
  return buildASTSchema({ ...document, definitions }, { assumeValid: true });
}
