/** The roles of staff and their order. */
export const STAFF_ROLES = ["staff", "manager", "owner"] as const;

/** The roles in rising order of rights. */
export type StaffRole = (typeof STAFF_ROLES)[number];

/** Whether `role` has more rights than `than`. */
export function isHigherRole(role: StaffRole, than: StaffRole): boolean {
  return STAFF_ROLES.indexOf(role) > STAFF_ROLES.indexOf(than);
}

/** The one of two roles with fewer rights. */
export function lowerRole(one: StaffRole, other: StaffRole): StaffRole {
  return isHigherRole(one, other) ? other : one;
}

/** The roles whose rights `role` has: itself and those beneath. */
export function rolesUpTo(role: StaffRole): StaffRole[] {
  return STAFF_ROLES.filter((candidate) => !isHigherRole(candidate, role));
}
