/** Certificates made with openssl for a test: an authority, a server's, and clients' with which something is wrong. */

import { runCommand } from "./databases/client_command.ts";
import { missingExecutables } from "./databases/executables.ts";

/** Why tests with certificates cannot run here, or undefined if they can; in CI they always have to. */
export function whyNoCertificates(): string | undefined {
  if (Deno.env.get("CI") === "true" || missingExecutables(["openssl"]).length === 0) return;
  return "needs openssl";
}

/** Paths of a certificate and its key. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface IssueOptions {
  readonly commonName: string;
  /** One of the sections below. */
  readonly kind: "server" | "client" | "authority";
  /** As openssl writes it; without it there is none. */
  readonly names?: string;
  /** The time, as `YYYYMMDDHHMMSSZ`, from which it is not valid any more. */
  readonly end?: string;
}

const CONFIG = `
[ca]
default_ca = d
[d]
dir = DIR
database = DIR/index
new_certs_dir = DIR
serial = DIR/serial
certificate = DIR/ca.pem
private_key = DIR/ca.key
default_md = sha256
policy = p
unique_subject = no
default_crl_days = 30
crlnumber = DIR/crlnumber
crl_extensions = list
copy_extensions = copy
[p]
commonName = supplied
[list]
authorityKeyIdentifier = keyid
[server]
basicConstraints = CA:FALSE
extendedKeyUsage = serverAuth
[client]
basicConstraints = CA:FALSE
extendedKeyUsage = clientAuth
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = keyCertSign,cRLSign
`;

const EC_KEY = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes".split(" ");

/** An authority, with its files in a folder of its own. */
export class TestAuthority {
  readonly dir: string;

  private constructor(dir: string) {
    this.dir = dir;
  }

  /** Makes one in a new folder below `parent`. */
  static async create(parent: string, name: string): Promise<TestAuthority> {
    const dir = `${parent}/${name}`;
    await Deno.mkdir(dir);
    await Deno.writeTextFile(`${dir}/config`, CONFIG.replaceAll("DIR", dir));
    await Deno.writeTextFile(`${dir}/index`, "");
    await Deno.writeTextFile(`${dir}/serial`, "1000");
    await Deno.writeTextFile(`${dir}/crlnumber`, "01");
    const authority = new TestAuthority(dir);
    const subject = ["-subj", `/CN=${name}`, "-days", "2"];
    const files = ["-keyout", `${dir}/ca.key`, "-out", authority.cert];
    await openssl(["req", "-x509", ...EC_KEY, ...files, ...subject]);
    return authority;
  }

  /** Path of its own certificate. */
  get cert(): string {
    return `${this.dir}/ca.pem`;
  }

  async issue(name: string, options: IssueOptions): Promise<KeyPair> {
    const { commonName, kind, names, end } = options;
    const pair = { cert: `${this.dir}/${name}.pem`, key: `${this.dir}/${name}.key` };
    const request = `${this.dir}/${name}.csr`;
    const alternatives = names === undefined ? [] : ["-addext", `subjectAltName=${names}`];
    const subject = ["-subj", `/CN=${commonName}`];
    const files = ["-keyout", pair.key, "-out", request];
    await openssl(["req", "-utf8", ...EC_KEY, ...files, ...subject, ...alternatives]);
    const validity = end === undefined
      ? ["-days", "2"]
      : ["-startdate", "20200101000000Z", "-enddate", end];
    await this.#ca(
      ["-batch", "-notext", "-in", request, "-out", pair.cert, "-extensions", kind, ...validity],
    );
    return pair;
  }

  /** Revokes certificates and writes the list of all that are revoked. */
  async revoke(...pairs: readonly KeyPair[]): Promise<{ pem: string; der: string }> {
    for (const { cert } of pairs) await this.#ca(["-revoke", cert]);
    const list = { pem: `${this.dir}/crl.pem`, der: `${this.dir}/crl.der` };
    await this.#ca(["-gencrl", "-out", list.pem]);
    await openssl(["crl", "-in", list.pem, "-outform", "DER", "-out", list.der]);
    return list;
  }

  async #ca(args: readonly string[]): Promise<void> {
    await openssl(["ca", "-config", `${this.dir}/config`, ...args]);
  }
}

async function openssl(args: readonly string[]): Promise<void> {
  await runCommand("openssl", { args: [...args] });
}

/** What most tests need. */
export interface Certificates extends AsyncDisposable {
  readonly dir: string;
  readonly authority: TestAuthority;
  /** Another one, of the same name. */
  readonly impostor: TestAuthority;
  /** For 127.0.0.1 and localhost. */
  readonly server: KeyPair;
  /** Of `alice`, for `alice.example`. */
  readonly alice: KeyPair;
}

export async function makeCertificates(): Promise<Certificates> {
  const dir = await Deno.makeTempDir({ prefix: "rhino-tls-" });
  const authority = await TestAuthority.create(dir, "authority");
  await Deno.mkdir(`${dir}/other`);
  const impostor = await TestAuthority.create(`${dir}/other`, "authority");
  const names = "IP:127.0.0.1,DNS:localhost";
  return {
    dir,
    authority,
    impostor,
    server: await authority.issue("server", { commonName: "server", kind: "server", names }),
    alice: await authority.issue("alice", {
      commonName: "alice",
      kind: "client",
      names: "DNS:alice.example",
    }),
    [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }),
  };
}
