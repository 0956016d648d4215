/** Errors in the input of a mutation, for the person who gave it. */
import { builder } from "../builder.ts";

/** `field`: the path of the invalid value, starting at the field's arguments. */
export interface UserErrorFacts {
  readonly field: readonly string[];
  readonly message: string;
  readonly code: "blank" | "too long" | "unprintable" | "in the past" | "limit reached" | "not found";
}

const UserErrorCode = builder.enumType("UserErrorCode", {
  description: "What is wrong with an input, for programs.",
  values: {
    BLANK: { value: "blank", description: "It is empty, or only blanks." },
    TOO_LONG: { value: "too long", description: "It has too many characters." },
    UNPRINTABLE: { value: "unprintable", description: "It holds control characters, or half of a character." },
    IN_THE_PAST: { value: "in the past", description: "It is a time that is over." },
    LIMIT_REACHED: { value: "limit reached", description: "There may be no more of them." },
    NOT_FOUND: { value: "not found", description: "There is nothing with this id." },
  } satisfies Record<string, { value: UserErrorFacts["code"]; description: string }>,
});

export const UserError = builder.objectRef<UserErrorFacts>("UserError").implement({
  description: "What is wrong with the input of a mutation; where there is one, nothing was changed.",
  fields: (t) => ({
    field: t.stringList({
      description: 'Where in the arguments the fault lies, such as `["input", "name"]`.',
      resolve: ({ field }) => [...field],
    }),
    message: t.exposeString("message", { description: "What is wrong and what to do, for a person." }),
    code: t.expose("code", { type: UserErrorCode, description: "What is wrong, for a program." }),
  }),
});
