/** The fields that plans can answer, by what the schema states. */
import { type GraphQLObjectType, type GraphQLSchema, getNamedType, isObjectType } from "graphql";
import { readingOf, tableOf } from "../../../src/graphql/types/reading.ts";

type RowType = GraphQLObjectType & { readonly extensions: { readonly table: unknown } };

/** Whether the objects of a type are rows of a table. */
export function isRowType(type: unknown): type is RowType {
  return isObjectType(type) && tableOf(type) !== undefined;
}

/** Whether a plan can answer a field of a row. The id of a row that is not joined is left to the executor. */
export function isPlannedOfRow(type: GraphQLObjectType, name: string): boolean {
  const field = type.getFields()[name];
  const reading = field && readingOf(field);
  return name === "id" || (!!reading && !(reading.as === "property" && isRowType(getNamedType(field.type))));
}

/** The root fields that are lists of rows, by their names, with the type of the rows. */
export function rowLists(schema: GraphQLSchema): Map<string, GraphQLObjectType> {
  const fields = Object.entries(schema.getQueryType()?.getFields() ?? {});
  return new Map(
    fields.flatMap(([name, { type }]) => {
      const connection = getNamedType(type);
      const node = isObjectType(connection) ? connection.getFields().nodes : undefined;
      const rowType = node && getNamedType(node.type);
      return isRowType(rowType) ? [[name, rowType]] : [];
    }),
  );
}
