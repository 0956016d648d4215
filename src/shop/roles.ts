/** The roles of staff. */

/** From the fewest rights to the most. */
export const STAFF_ROLES = ["staff", "manager", "owner"] as const;

export type StaffRole = (typeof STAFF_ROLES)[number];

/** Whether `role` has more rights than `than`. */
export function isHigherRole(role: StaffRole, than: StaffRole): boolean {
  return STAFF_ROLES.indexOf(role) > STAFF_ROLES.indexOf(than);
}

/** The role with fewer rights. */
export function lowerRole(one: StaffRole, other: StaffRole): StaffRole {
  return isHigherRole(one, other) ? other : one;
}

/** `role` and all roles with fewer rights. */
export function rolesUpTo(role: StaffRole): StaffRole[] {
  return STAFF_ROLES.filter((candidate) => !isHigherRole(candidate, role));
}
