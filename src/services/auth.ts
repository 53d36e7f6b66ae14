/** etcdserverpb.Auth: who may ask is decided with the change itself, in the writer's turn. */
import {
  Auth,
  AuthDisableRequestSchema,
  AuthDisableResponseSchema,
  AuthEnableRequestSchema,
  AuthEnableResponseSchema,
  AuthenticateRequestSchema,
  AuthenticateResponseSchema,
  AuthStatusRequestSchema,
  AuthStatusResponseSchema,
} from "../../gen/etcdserverpb/auth_pb.ts";
import { authenticate } from "../auth/authenticator.ts";
import { adminCommand, authCommand } from "../auth/command.ts";
import { disable, enable } from "../auth/switch_commands.ts";
import { EtcdError } from "../errors.ts";
import { authMethod, type AuthServiceOptions } from "./auth_method.ts";
import { roleMethods } from "./auth_roles.ts";
import { userMethods } from "./auth_users.ts";
import { decode, encode, pathOf, type ServiceMethods } from "./service.ts";

export function authMethods(options: AuthServiceOptions): ServiceMethods {
  return [...switchMethods(options), ...userMethods(options), ...roleMethods(options)];
}

function logRefusal(
  { log }: AuthServiceOptions,
  { user, error }: { readonly user: string; readonly error: unknown },
): void {
  const isRefused = error instanceof EtcdError && error.reason !== "authNotEnabled";
  if (isRefused) log("warn", "Refused to authenticate a user", { user, cause: error.message });
}

function switchMethods(options: AuthServiceOptions): ServiceMethods {
  const { store, header, authority, passwords } = options;
  const { state } = authority;
  return [
    [
      pathOf(Auth, "AuthEnable"),
      authMethod(
        options,
        { request: AuthEnableRequestSchema, response: AuthEnableResponseSchema },
        (_request, permit) => adminCommand(permit, (view) => enable(view, authority)),
      ),
    ],
    [
      pathOf(Auth, "AuthDisable"),
      authMethod(
        options,
        { request: AuthDisableRequestSchema, response: AuthDisableResponseSchema },
        (_request, permit) => adminCommand(permit, (view) => disable(view, authority)),
      ),
    ],
    [
      pathOf(Auth, "AuthStatus"),
      authMethod(
        options,
        { request: AuthStatusRequestSchema, response: AuthStatusResponseSchema },
        () => authCommand(() => ({ enabled: state.isEnabled, authRevision: state.revision })),
      ),
    ],
    [pathOf(Auth, "Authenticate"), {
      kind: "unary",
      async handle(bytes) {
        const credentials = decode(AuthenticateRequestSchema, bytes);
        const given = authenticate({ store, authority, passwords }, credentials);
        given.catch((error) => logRefusal(options, { user: credentials.name, error }));
        const { revision, token } = await given;
        return encode(AuthenticateResponseSchema, { header: header.message(revision), token });
      },
    }],
  ];
}
