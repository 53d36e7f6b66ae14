/** Bounds of what HTTP clients can make the server hold, with what happens at each. */

/** Headers of one request; above it 431, and the connection ends. Tokens fit many times. */
export const HEADER_BYTES_MAX = 64 * 1024;
/** Until the headers have come, from the connection's or the last answer's end on; then the connection ends. */
export const HEADERS_TIMEOUT_MS = 60_000;
/** A connection without a request is closed after so long; clients open another one. As Go's transports expect it. */
export const IDLE_TIMEOUT_MS = 5 * 60_000;
/** How often these times are looked at. */
export const TIMEOUT_CHECK_MS = 5_000;
/** Until the body of a call that is not a stream has come whole; then the connection ends. */
export const BODY_TIMEOUT_MS = 5 * 60_000;
/**
 * JSON of one message, in sizes of the longest message: base64 takes 4/3, and blanks and fields that are passed over need
 * room; above it the call ends as one with too long a message.
 */
export const JSON_EXPANSION_MAX = 4;
/** Bytes of bodies that are being read, all together; then calls are refused with "too many requests". */
export const BODIES_BYTES_MAX = 128 * 1024 * 1024;
/** An answer of which the client takes nothing for so long is cut off. */
export const STALLED_MS = 2 * 60_000;
/** For an answer to a client that is still sending: so long it may go on, then it is cut off. */
export const LINGER_MS = 1_000;
/** Connections of HTTP/1.1 at the same time; one more is closed at once. */
export const CONNECTIONS_MAX = 10_000;
/** Requests of a connection that wait for the one before them; at one more it is closed. */
export const REQUESTS_AHEAD_MAX = 100;
/** How often the system asks whether a silent client is still there; one that is not is disconnected. */
export const TCP_KEEPALIVE_MS = 15_000;
/** Bytes of an answer that are written as JSON at once; then others are served before it goes on. */
export const JSON_STEP_BYTES = 256 * 1024;
/** From a goodbye to a WebSocket until it is cut off. */
export const WEBSOCKET_CLOSE_MS = 1_000;
