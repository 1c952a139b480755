// Passkeys as the browser's Web Authentication speaks them, in the form that the server reads: base64url throughout.
// Written out rather than left to `parseCreationOptionsFromJSON` and `toJSON`, which phones of a few years do not have.

import { Problem } from "../../shared/api.ts";
import { messages } from "../../shared/messages.ts";

interface Descriptor {
  readonly type: "public-key";
  readonly id: string;
  readonly transports?: AuthenticatorTransport[];
}

export interface CreationOptions {
  readonly rp: PublicKeyCredentialRpEntity;
  readonly user: { readonly id: string; readonly name: string; readonly displayName: string };
  readonly challenge: string;
  readonly pubKeyCredParams: PublicKeyCredentialParameters[];
  readonly timeout?: number;
  readonly excludeCredentials?: readonly Descriptor[];
  readonly authenticatorSelection?: AuthenticatorSelectionCriteria;
  readonly attestation?: AttestationConveyancePreference;
}

export interface RequestOptionsHere {
  readonly challenge: string;
  readonly rpId: string;
  readonly timeout?: number;
  readonly userVerification?: UserVerificationRequirement;
}

export interface Creation {
  readonly client_data: string;
  readonly attestation: string;
}

export interface Assertion {
  readonly credential_id: string;
  readonly client_data: string;
  readonly authenticator_data: string;
  readonly signature: string;
  readonly user_handle: string;
}

/** Whether this page can use the store's passkeys: the browser can, and the address is the one they are bound to. */
export function passkeysHere(origin: string | null): boolean {
  return origin !== null && origin === location.origin && "PublicKeyCredential" in window;
}

/** Has the browser make a passkey. A `Problem` where the person or the device did not. */
export async function makePasskey(options: CreationOptions): Promise<Creation> {
  const publicKey: PublicKeyCredentialCreationOptions = {
    ...options,
    challenge: fromBase64url(options.challenge),
    user: { ...options.user, id: fromBase64url(options.user.id) },
    excludeCredentials: (options.excludeCredentials ?? []).map((one) => ({ ...one, id: fromBase64url(one.id) })),
  };
  const made = await asked(() => navigator.credentials.create({ publicKey }));
  const response = made.response as AuthenticatorAttestationResponse;
  return { client_data: toBase64url(response.clientDataJSON), attestation: toBase64url(response.attestationObject) };
}

/** Has the browser sign in with a passkey of this store. A `Problem` where the person or the device did not. */
export async function usePasskey(options: RequestOptionsHere): Promise<Assertion> {
  const publicKey: PublicKeyCredentialRequestOptions = { ...options, challenge: fromBase64url(options.challenge) };
  const shown = await asked(() => navigator.credentials.get({ publicKey }));
  const response = shown.response as AuthenticatorAssertionResponse;
  return {
    credential_id: toBase64url(shown.rawId),
    client_data: toBase64url(response.clientDataJSON),
    authenticator_data: toBase64url(response.authenticatorData),
    signature: toBase64url(response.signature),
    user_handle: response.userHandle === null ? "" : toBase64url(response.userHandle),
  };
}

async function asked(ask: () => Promise<Credential | null>): Promise<PublicKeyCredential> {
  try {
    const answer = await ask();
    if (answer !== null) return answer as PublicKeyCredential;
  } catch (error) {
    // Web Authentication section 5.1.3: the device has one of this person's already.
    const known = error instanceof DOMException && error.name === "InvalidStateError";
    throw problem(known ? "problem.passkey_on_device" : "problem.passkey_not_used");
  }
  throw problem("problem.passkey_not_used");
}

function problem(key: "problem.passkey_on_device" | "problem.passkey_not_used"): Problem {
  return new Problem({ code: key.slice(8), zh: messages[key].zh, en: messages[key].en, permanent: false }, 0);
}

export function toBase64url(data: ArrayBuffer): string {
  const text = String.fromCharCode(...new Uint8Array(data));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

export function fromBase64url(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
}

/** What to call a passkey that is made here: the kind of device, as far as the browser tells. */
export function deviceName(user_agent: string): string {
  const known = ["iPhone", "iPad", "Android", "Windows", "Macintosh", "CrOS", "Linux"];
  const found = known.find((name) => user_agent.includes(name)) ?? "";
  return { Macintosh: "Mac", CrOS: "Chromebook" }[found] ?? found;
}
