/** Plans, each made once. They are forgotten with the documents they were made for: `cacheDocuments` keeps those that are asked often. */
import type { DocumentNode, GraphQLSchema, OperationDefinitionNode } from "graphql";

type MakePlan<Plan> = (
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
) => Plan | null;

/** `make`, which is asked once for each operation of a document: its answer stands for all schemas. */
export function cachePlans<Plan>(make: MakePlan<Plan>): MakePlan<Plan> {
  const plans = new WeakMap<DocumentNode, Map<OperationDefinitionNode, Plan | null>>();
  return (schema, document, operation) => {
    const ofDocument = plans.get(document) ?? new Map<OperationDefinitionNode, Plan | null>();
    plans.set(document, ofDocument);
    const known = ofDocument.get(operation);
    if (known !== undefined) return known;
    const made = make(schema, document, operation);
    ofDocument.set(operation, made);
    return made;
  };
}
