/**
 * Plans: a document as a tree of what is read by which statement, worked out once for each document.
 *
 * A list is one statement, with all that its rows refer to joined to them; a list within a list is one more for all of them.
 * An event of a subscription brings its rows along: nothing is read for it. `make-plan.ts` makes them.
 */
import type {
  FieldNode,
  FragmentDefinitionNode,
  GraphQLField,
  GraphQLObjectType,
  GraphQLUnionType,
  OperationDefinitionNode,
} from "graphql";
import type { Shape, ShapedKind } from "../../db/queries/admin/shapes.ts";

/** The document's fragments, which resolvers may look at. */
export type Fragments = Readonly<Record<string, FragmentDefinitionNode>>;

export interface Plan {
  readonly operation: OperationDefinitionNode;
  readonly fragments: Fragments;
  readonly root: readonly RootField[];
}

/** How the events of a subscription are answered. */
export interface EventPlans {
  readonly fragments: Fragments;
  /** The name of the subscription's field in the answer, and the union that it gives. */
  readonly key: string;
  readonly union: GraphQLUnionType;
  /** By the names of the types of events that have a plan: what is wanted of them. */
  readonly byType: ReadonlyMap<string, readonly EventField[]>;
}

/** A field of an event: a value, or a row that the event brings. */
export type EventField = ValueField | (Asked & { readonly as: "row"; readonly rows: Rows });

/** A field as the document asks for it. */
export interface Asked {
  /** Its name in the answer. */
  readonly key: string;
  readonly field: GraphQLField<unknown, unknown>;
  /** The same field may be asked for in several places: together they say what is wanted of it. */
  readonly nodes: readonly [FieldNode, ...FieldNode[]];
}

export type RootField =
  | (Asked & { readonly as: "list"; readonly connection: Connection })
  | (Asked & { readonly as: "row"; readonly rows: Rows });

/** What is wanted of rows of one kind. */
export interface Rows {
  readonly type: GraphQLObjectType;
  readonly shape: Shape;
  readonly fields: readonly RowField[];
}

export type RowField = LocalField | JoinedField;

/** What is answered by the row alone. */
export type LocalField =
  | ValueField
  | { readonly as: "id"; readonly key: string; readonly kind: ShapedKind }
  /** What the row itself has under a name. */
  | (Asked & { readonly as: "column"; readonly column: string })
  | (Asked & { readonly as: "instant"; readonly column: string });

export type JoinedField =
  /** A row that is joined to this one: under which name of its shape. */
  | (Asked & { readonly as: "one"; readonly at: string; readonly rows: Rows })
  | (Asked & { readonly as: "list"; readonly connection: Connection });

/** A field of a value that is no row: an error's code, a preview's text. */
export type ValueField =
  | { readonly as: "typename"; readonly key: string; readonly name: string }
  | (Asked & { readonly as: "value"; readonly fields: readonly ValueField[] | null });

export interface Connection {
  readonly rows: Rows;
  readonly fields: readonly ConnectionField[];
}

export type ConnectionField =
  | { readonly as: "typename"; readonly key: string; readonly name: string }
  | { readonly as: "nodes"; readonly key: string }
  | {
      readonly as: "edges";
      readonly key: string;
      readonly typeName: string;
      readonly fields: readonly { readonly key: string; readonly as: EdgePart }[];
    }
  | {
      readonly as: "pageInfo";
      readonly key: string;
      readonly fields: readonly { readonly key: string; readonly as: PagePart }[];
    };

export type EdgePart = "cursor" | "node" | "__typename";
export type PagePart = "hasNextPage" | "hasPreviousPage" | "startCursor" | "endCursor" | "__typename";
