/** The users of etcdserverpb.Auth. */
import {
  Auth,
  AuthUserAddRequestSchema,
  AuthUserAddResponseSchema,
  AuthUserChangePasswordRequestSchema,
  AuthUserChangePasswordResponseSchema,
  AuthUserDeleteRequestSchema,
  AuthUserDeleteResponseSchema,
  AuthUserGetRequestSchema,
  AuthUserGetResponseSchema,
  AuthUserGrantRoleRequestSchema,
  AuthUserGrantRoleResponseSchema,
  AuthUserListRequestSchema,
  AuthUserListResponseSchema,
  AuthUserRevokeRoleRequestSchema,
  AuthUserRevokeRoleResponseSchema,
} from "../../gen/etcdserverpb/auth_pb.ts";
import { adminCommand, authCommand } from "../auth/command.ts";
import {
  addUser,
  changePassword,
  deleteUser,
  grantRole,
  revokeRole,
  userOf,
} from "../auth/user_commands.ts";
import { authMethod, type AuthServiceOptions } from "./auth_method.ts";
import { checkName } from "./check_name.ts";
import { pathOf, type ServiceMethods } from "./service.ts";

export function userMethods(options: AuthServiceOptions): ServiceMethods {
  return [...accountMethods(options), ...lookupMethods(options), ...membershipMethods(options)];
}

function accountMethods(options: AuthServiceOptions): ServiceMethods {
  const { authority, passwords } = options;
  return [
    [
      pathOf(Auth, "UserAdd"),
      authMethod(
        options,
        { request: AuthUserAddRequestSchema, response: AuthUserAddResponseSchema },
        async ({ name, password, options: flags }, permit) => {
          // A hash costs much: nobody makes the server work who may not ask.
          await permit.requireAdmin();
          checkName(name);
          // As in etcd a hash that was sent counts for nothing here.
          const hash = flags?.noPassword === true
            ? new Uint8Array()
            : await passwords.hash(password);
          return adminCommand(permit, (view) => {
            addUser(view, authority, { name, password: hash, options: flags });
          });
        },
      ),
    ],
    [
      pathOf(Auth, "UserDelete"),
      authMethod(
        options,
        { request: AuthUserDeleteRequestSchema, response: AuthUserDeleteResponseSchema },
        ({ name }, permit) => adminCommand(permit, (view) => deleteUser(view, authority, name)),
      ),
    ],
    [
      pathOf(Auth, "UserChangePassword"),
      authMethod(
        options,
        {
          request: AuthUserChangePasswordRequestSchema,
          response: AuthUserChangePasswordResponseSchema,
        },
        async ({ name, password, hashedPassword }, permit) => {
          await permit.requireAdmin();
          const hash = password === ""
            ? fromBase64(hashedPassword)
            : await passwords.hash(password);
          return adminCommand(permit, (view) => {
            changePassword(view, authority, { name, password: hash });
          });
        },
      ),
    ],
  ];
}

function lookupMethods(options: AuthServiceOptions): ServiceMethods {
  const { state } = options.authority;
  return [
    [
      pathOf(Auth, "UserGet"),
      authMethod(
        options,
        { request: AuthUserGetRequestSchema, response: AuthUserGetResponseSchema },
        ({ name }, permit) =>
          authCommand(() => {
            if (permit.isNeeded && !permit.isUser(name)) permit.checkAdmin();
            return { roles: [...userOf(state, name).roles] };
          }),
      ),
    ],
    [
      pathOf(Auth, "UserList"),
      authMethod(
        options,
        { request: AuthUserListRequestSchema, response: AuthUserListResponseSchema },
        (_request, permit) => adminCommand(permit, () => ({ users: state.userNames })),
      ),
    ],
  ];
}

function membershipMethods(options: AuthServiceOptions): ServiceMethods {
  const { authority } = options;
  return [
    [
      pathOf(Auth, "UserGrantRole"),
      authMethod(
        options,
        { request: AuthUserGrantRoleRequestSchema, response: AuthUserGrantRoleResponseSchema },
        (request, permit) => adminCommand(permit, (view) => grantRole(view, authority, request)),
      ),
    ],
    [
      pathOf(Auth, "UserRevokeRole"),
      authMethod(
        options,
        { request: AuthUserRevokeRoleRequestSchema, response: AuthUserRevokeRoleResponseSchema },
        (request, permit) => adminCommand(permit, (view) => revokeRole(view, authority, request)),
      ),
    ],
  ];
}

/** `undefined` for what is no base64. */
function fromBase64(text: string): Uint8Array | undefined {
  try {
    return Uint8Array.fromBase64(text, { lastChunkHandling: "strict" });
  } catch {
    return undefined;
  }
}
