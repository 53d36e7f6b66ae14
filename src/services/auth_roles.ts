/** The roles of etcdserverpb.Auth. */
import {
  Auth,
  AuthRoleAddRequestSchema,
  AuthRoleAddResponseSchema,
  AuthRoleDeleteRequestSchema,
  AuthRoleDeleteResponseSchema,
  AuthRoleGetRequestSchema,
  AuthRoleGetResponseSchema,
  AuthRoleGrantPermissionRequestSchema,
  AuthRoleGrantPermissionResponseSchema,
  AuthRoleListRequestSchema,
  AuthRoleListResponseSchema,
  AuthRoleRevokePermissionRequestSchema,
  AuthRoleRevokePermissionResponseSchema,
} from "../../gen/etcdserverpb/auth_pb.ts";
import { adminCommand, authCommand } from "../auth/command.ts";
import {
  addRole,
  deleteRole,
  grantPermission,
  permissionsOfRole,
  revokePermission,
} from "../auth/role_commands.ts";
import { authMethod, type AuthServiceOptions } from "./auth_method.ts";
import { checkName } from "./check_name.ts";
import { pathOf, type ServiceMethods } from "./service.ts";

export function roleMethods(options: AuthServiceOptions): ServiceMethods {
  return [...existenceMethods(options), ...lookupMethods(options), ...permissionMethods(options)];
}

function existenceMethods(options: AuthServiceOptions): ServiceMethods {
  const { authority } = options;
  return [
    [
      pathOf(Auth, "RoleAdd"),
      authMethod(
        options,
        { request: AuthRoleAddRequestSchema, response: AuthRoleAddResponseSchema },
        ({ name }, permit) =>
          adminCommand(permit, (view) => {
            checkName(name);
            addRole(view, authority, name);
          }),
      ),
    ],
    [
      pathOf(Auth, "RoleDelete"),
      authMethod(
        options,
        { request: AuthRoleDeleteRequestSchema, response: AuthRoleDeleteResponseSchema },
        ({ role }, permit) => adminCommand(permit, (view) => deleteRole(view, authority, role)),
      ),
    ],
  ];
}

function lookupMethods(options: AuthServiceOptions): ServiceMethods {
  const { state } = options.authority;
  return [
    [
      pathOf(Auth, "RoleGet"),
      authMethod(
        options,
        { request: AuthRoleGetRequestSchema, response: AuthRoleGetResponseSchema },
        ({ role }, permit) =>
          authCommand(() => {
            if (permit.isNeeded && !permit.hasRole(role)) permit.checkAdmin();
            return { perm: permissionsOfRole(state, role) };
          }),
      ),
    ],
    [
      pathOf(Auth, "RoleList"),
      authMethod(
        options,
        { request: AuthRoleListRequestSchema, response: AuthRoleListResponseSchema },
        (_request, permit) => adminCommand(permit, () => ({ roles: state.roleNames })),
      ),
    ],
  ];
}

function permissionMethods(options: AuthServiceOptions): ServiceMethods {
  const { authority } = options;
  return [
    [
      pathOf(Auth, "RoleGrantPermission"),
      authMethod(
        options,
        {
          request: AuthRoleGrantPermissionRequestSchema,
          response: AuthRoleGrantPermissionResponseSchema,
        },
        (request, permit) =>
          adminCommand(permit, (view) => grantPermission(view, authority, request)),
      ),
    ],
    [
      pathOf(Auth, "RoleRevokePermission"),
      authMethod(
        options,
        {
          request: AuthRoleRevokePermissionRequestSchema,
          response: AuthRoleRevokePermissionResponseSchema,
        },
        (request, permit) =>
          adminCommand(permit, (view) => revokePermission(view, authority, request)),
      ),
    ],
  ];
}
