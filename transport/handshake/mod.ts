/**
 * The opening handshake without I/O: the HTTP/1.1 upgrade (RFC 9110, section 7.8) in both roles, for
 * `websocket` (RFC 6455, section 4) or any other protocol token.
 *
 * @module
 */

export { acceptKey, createKey, type HandshakeAgreement } from "./agreement.ts";
export {
  checkUpgradeResponse,
  createUpgradeRequest,
  type HandshakeResponse,
  type UpgradeAgreement,
  type UpgradeRequest,
} from "./client.ts";
export * from "./errors.ts";
export * from "./extension.ts";
export {
  formatHead,
  parseRequestHead,
  parseResponseHead,
  type RequestHead,
  type ResponseHead,
} from "./head.ts";
export { type HeadKind, HeadReader } from "./head_reader.ts";
export { HeaderLines, type HeadersInput } from "./headers.ts";
export {
  acceptDeflate,
  answerDeflate,
  type CompressionOptions,
  type DeflateAgreement,
  offerDeflate,
} from "./negotiation.ts";
export type { OriginChoice, ProtocolChoice } from "./policy.ts";
export {
  createRefusal,
  createResponse,
  describeProblem,
  describeRefusal,
  type RefusalParts,
  type ResponseParts,
} from "./refusal.ts";
export { type HttpResponse, ResponseReader } from "./response_reader.ts";
export type { UpgradeTokens } from "./rules.ts";
export {
  checkUpgradeRequest,
  createUpgradeResponse,
  type UpgradePolicy,
  type UpgradeResponse,
  type UpgradeWish,
} from "./server.ts";
