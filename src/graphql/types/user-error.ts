/** Errors in the input of a mutation, for the person who gave it. */
import { builder } from "../builder.ts";

/** `field`: the path of the invalid value, starting at the field's arguments. */
export interface UserErrorFacts {
  readonly field: readonly string[];
  readonly message: string;
  readonly code: "blank" | "too long" | "unprintable" | "in the past" | "limit reached" | "not found";
}

const UserErrorCode = builder.enumType("UserErrorCode", {
  description: "An error in the input of a mutation, for programs.",
  values: {
    BLANK: { value: "blank", description: "The value is empty, or only white space." },
    TOO_LONG: { value: "too long", description: "The value has too many characters." },
    UNPRINTABLE: { value: "unprintable", description: "The value contains control characters or lone surrogates." },
    IN_THE_PAST: { value: "in the past", description: "The time is in the past." },
    LIMIT_REACHED: { value: "limit reached", description: "The maximum number is reached." },
    NOT_FOUND: { value: "not found", description: "There is no object with this id." },
  } satisfies Record<string, { value: UserErrorFacts["code"]; description: string }>,
});

export const UserError = builder.objectRef<UserErrorFacts>("UserError").implement({
  description: "An error in the input of a mutation. If there is one, nothing was changed.",
  fields: (t) => ({
    field: t.stringList({
      description: 'The path to the invalid input, such as `["input", "name"]`.',
      resolve: ({ field }) => [...field],
    }),
    message: t.exposeString("message", { description: "The error and what to do about it, for people." }),
    code: t.expose("code", { type: UserErrorCode, description: "The error, for programs." }),
  }),
});
