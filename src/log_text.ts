/** What of errors and settings may be shown; without the library that writes lines, for whoever writes none. */

const REDACTED = "xxxxx";
/** Causes may form a ring. */
const CAUSES_MAX = 5;

/**
 * The text with passwords of URLs and secret-looking URL parameters replaced. A password may hold any character, so
 * all up to the last `@` of a word counts as one: rather too much goes than too little.
 */
export function redactSecrets(text: string): string {
  return text
    .replace(/([a-z][a-z0-9+.-]*:\/\/[^\s:@/"']*):[^\s"']*@/gi, `$1:${REDACTED}@`)
    .replace(/([?&;][\w.-]*(?:pass|secret|token)[\w.-]*=)[^\s&;"']*/gi, `$1${REDACTED}`);
}

/** What an error says, with what caused it where that adds something; one line. */
export function errorText(error: unknown): string {
  const parts: string[] = [];
  let rest = error;
  for (let depth = 0; depth < CAUSES_MAX && rest !== undefined; depth++) {
    const text = rest instanceof Error ? rest.message || rest.name : String(rest);
    if (!parts.some((part) => part.includes(text))) parts.push(text);
    rest = rest instanceof Error ? rest.cause : undefined;
  }
  return parts.join(": ").replaceAll(/\s*\n\s*/g, " ");
}
