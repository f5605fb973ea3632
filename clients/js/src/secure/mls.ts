/**
 * One conversation's MLS group as one device has it, by ts-mls: what `clients/mls` is in Rust.
 *
 * Groups are values: each operation answers what the group is after it, and changes nothing. Whoever keeps the answer does so in one
 * transaction with what else came of it.
 */
import {
  type CiphersuiteImpl, type ClientConfig, type ClientState, createApplicationMessage, createCommit, createGroup,
  decodeGroupState, decodeMlsMessage, defaultKeyPackageEqualityConfig, emptyPskIndex, encodeGroupState, encodeMlsMessage,
  generateKeyPackageWithKey, getCiphersuiteFromName, getCiphersuiteImpl, type GroupState, joinGroup, type KeyPackage, type MLSMessage,
  type PrivateMessage, processPrivateMessage, type Proposal, type Welcome,
} from "ts-mls";
import { decodeKeyPackage, encodeKeyPackage, makeKeyPackageRef, verifyKeyPackage } from "ts-mls/keyPackage.js";
import { verifyLeafNodeSignatureKeyPackage } from "ts-mls/leafNode.js";
// The public functions tell neither who sent an application message nor who made a Welcome.
import { unprotectPrivateMessage } from "ts-mls/messageProtection.js";
import { consumeRatchet } from "ts-mls/secretTree.js";
import { decryptGroupInfo, decryptGroupSecrets } from "ts-mls/welcome.js";
import { base64, type Bytes, concat, equal, fromBase64, hex, sha256, textOfUtf8, utf8 } from "./bytes.ts";
import { type Content, ContentError, decodeContent, encodeContent } from "./content.ts";
import { type Device, parseDevice } from "./device.ts";
import {
  CLOCK_SKEW_SECONDS, CONVERSATION_ID_BYTES_MAX, KEY_PACKAGE_BYTES_MAX, KEY_PACKAGE_LIFETIME_SECONDS, KEY_PACKAGE_LIFETIME_SECONDS_MAX,
  LATE_MESSAGES_MAX, MESSAGE_BASE64_BYTES_MAX, PADDING_BYTES, PAST_EPOCHS_MAX, PAYLOAD_BASE64_BYTES_MAX, SKIPPED_MESSAGES_MAX,
} from "./limits.ts";
import type { Leaf } from "./roster.ts";

const SUITE = "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519";
const LAST_RESORT = 10;
/** Of an application message: the signature of 64 bytes and its length. */
const SIGNATURE_BYTES = 66;

/** Why something of MLS cannot be done; nothing has changed. */
export type MlsReason =
  /** No MLS message, or one of another kind. */
  | "wire"
  | "wrongConversation"
  /** It is not what the service says that it is. */
  | "misnamed"
  /** Its sender is not who the service names. */
  | "wrongSender"
  /** Commits are missing before it. */
  | "gap"
  /** Its keys are destroyed, or were never here. */
  | "tooOld"
  | "tooFarAhead"
  | "replayed"
  /** The service accepted a commit of this device that this device no longer has. */
  | "lostCommit"
  /** A commit does what none may. */
  | "forbidden"
  /** A leaf is none of ours. */
  | "roster"
  /** Damaged, forged, or made for another state of the group. */
  | "invalid"
  /** This device is no longer in the group. */
  | "removed"
  | "pending"
  | "tooLarge"
  /** A Welcome for none of this device's key packages. */
  | "notForUs"
  /** A Welcome into an epoch that this device has passed. */
  | "stale";

export class MlsError extends Error {
  readonly reason: MlsReason;

  constructor(reason: MlsReason, message: string) {
    super(message);
    this.name = "MlsError";
    this.reason = reason;
  }
}

/** A device's name and signature key, which never change. */
export interface Identity {
  device: Device;
  publicKey: Bytes;
  signKey: Bytes;
}

/** A key package of this device, with its private part, as it is kept. */
export interface OwnKeyPackage {
  /** Its reference (RFC 9420 §5.2) in hexadecimal, by which a Welcome names it. */
  reference: string;
  notAfterSeconds: number;
  isLastResort: boolean;
  /** Others have taken its place in the directory. */
  isReplaced?: boolean;
  publicPart: string;
  initKey: string;
  leafKey: string;
}

/** A group in an epoch. */
export interface Group {
  readonly conversation: string;
  readonly state: ClientState;
  /** The commit of this device that waits for the service. */
  readonly pending?: { readonly sha256: string; readonly state: ClientState } | undefined;
}

/** An entry of the log, with what the service says of it. */
export interface Entry {
  sender: Device;
  event: "message" | "commit";
  /** The one that a message is encrypted in, and the one that a commit leads to. */
  epoch: number;
  payload: string;
}

/** What an entry was, and the group after it. */
export type Processed =
  | { is: "message"; group: Group; content: Content | ContentError }
  | { is: "commit"; group: Group; added: Device[]; removed: Device[]; replaced: Device[] }
  /** The commit of this device that waited. */
  | { is: "ownCommit"; group: Group }
  /** This device was removed. */
  | { is: "removed"; group: Group }
  /** A commit into an epoch that the group has reached already. */
  | { is: "known" };

/** A commit that waits for the service to accept it. */
export interface Commit {
  payload: string;
  /** The one that it ends. */
  epoch: number;
  welcome: string | undefined;
  welcomed: Device[];
}

let suiteMade: Promise<CiphersuiteImpl> | undefined;
const suite = (): Promise<CiphersuiteImpl> => (suiteMade ??= getCiphersuiteImpl(getCiphersuiteFromName(SUITE)));

const retention = {
  retainKeysForGenerations: LATE_MESSAGES_MAX, retainKeysForEpochs: PAST_EPOCHS_MAX, maximumForwardRatchetSteps: SKIPPED_MESSAGES_MAX,
};
const config: ClientConfig = {
  keyRetentionConfig: retention,
  // A device that was away finds commits and trees with packages that have expired since: what is added here is looked at by
  // `readKeyPackage`.
  lifetimeConfig: { maximumTotalLifetime: BigInt(KEY_PACKAGE_LIFETIME_SECONDS_MAX), validateLifetimeOnReceive: false },
  keyPackageEqualityConfig: defaultKeyPackageEqualityConfig,
  paddingConfig: { kind: "padUntilLength", padUntilLength: 256 },
  authService: {
    async validateCredential(credential) {
      return deviceIn(credential) !== undefined;
    },
  },
};

type Credential = KeyPackage["leafNode"]["credential"];

function deviceIn(credential: Credential): Device | undefined {
  if (credential.credentialType !== "basic" || !("identity" in credential)) return undefined;
  try {
    return parseDevice(textOfUtf8(credential.identity));
  } catch {
    return undefined;
  }
}

/** ts-mls throws errors of many classes. */
async function orInvalid<Result>(what: string, work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof MlsError) throw error;
    const said = error instanceof Error ? error.message : String(error);
    if (said.includes("Desired gen in the past")) throw new MlsError("replayed", "the message was processed before, or is too old");
    if (said.includes("too far in the future")) throw new MlsError("tooFarAhead", "too many messages are missing before this one");
    throw new MlsError("invalid", `${what}: ${said}`);
  }
}

function read<Kind extends MLSMessage["wireformat"]>(payload: string, kind: Kind): Extract<MLSMessage, { wireformat: Kind }> {
  if (payload.length > MESSAGE_BASE64_BYTES_MAX) throw new MlsError("wire", `an MLS message of ${payload.length} bytes is too large`);
  const bytes = fromBase64(payload);
  if (!bytes) throw new MlsError("wire", "an MLS message is not base64");
  let decoded: [MLSMessage, number] | undefined;
  try {
    decoded = decodeMlsMessage(bytes, 0);
  } catch {
    decoded = undefined;
  }
  if (decoded === undefined || decoded[1] !== bytes.length) throw new MlsError("wire", "not an MLS message");
  if (decoded[0].wireformat !== kind) throw new MlsError("wire", `an MLS message of the wrong kind, where there should be ${kind}`);
  return decoded[0] as Extract<MLSMessage, { wireformat: Kind }>;
}

const write = (message: MLSMessage): string => base64(encodeMlsMessage(message));

/** Makes the identity of a device. */
export async function makeIdentity(device: Device): Promise<Identity> {
  const { signKey, publicKey } = await (await suite()).signature.keygen();
  return { device, publicKey: concat(publicKey), signKey: concat(signKey) };
}

const capabilities: KeyPackage["leafNode"]["capabilities"] = {
  versions: ["mls10"], ciphersuites: [SUITE], extensions: [LAST_RESORT], proposals: [], credentials: ["basic"],
};

/** Makes a key package: what goes into the directory, and what is kept. */
export async function makeKeyPackage(
  identity: Identity, nowSeconds: number, isLastResort: boolean,
): Promise<{ payload: string; own: OwnKeyPackage }> {
  const notAfterSeconds = nowSeconds + KEY_PACKAGE_LIFETIME_SECONDS;
  const lifetime = { notBefore: BigInt(Math.max(0, nowSeconds - CLOCK_SKEW_SECONDS)), notAfter: BigInt(notAfterSeconds) };
  const extensions = isLastResort ? [{ extensionType: LAST_RESORT, extensionData: new Uint8Array() }] : [];
  const cs = await suite();
  const made = await generateKeyPackageWithKey(
    { credentialType: "basic", identity: utf8(identity.device) }, capabilities, lifetime, extensions,
    { signKey: identity.signKey, publicKey: identity.publicKey }, cs);
  return {
    payload: write({ version: "mls10", wireformat: "mls_key_package", keyPackage: made.publicPackage }),
    own: {
      reference: hex(await makeKeyPackageRef(made.publicPackage, cs.hash)), notAfterSeconds, isLastResort,
      publicPart: base64(encodeKeyPackage(made.publicPackage)), initKey: base64(made.privatePackage.initPrivateKey),
      leafKey: base64(made.privatePackage.hpkePrivateKey),
    },
  };
}

/** Takes what the directory gave for a device: checks signatures, suite and lifetime, and that it is of that device and that key. */
export async function readKeyPackage(payload: string, device: Device, key: string, nowSeconds: number): Promise<KeyPackage> {
  const { keyPackage } = read(payload, "mls_key_package");
  const refuse = (why: string) => new MlsError("invalid", `the key package of ${device} ${why}`);
  if (encodeKeyPackage(keyPackage).length > KEY_PACKAGE_BYTES_MAX) throw refuse("is too large");
  if (keyPackage.version !== "mls10" || keyPackage.cipherSuite !== SUITE) throw refuse("is for another cipher suite");
  const { leafNode } = keyPackage;
  const found = deviceIn(leafNode.credential);
  if (found !== device) throw refuse(`is one of ${found ?? "no device"}`);
  if (base64(leafNode.signaturePublicKey) !== key) throw refuse("is signed by another key than its identity key");
  const { signature } = await suite();
  const isSigned = await orInvalid("a key package", Promise.all(
    [verifyKeyPackage(keyPackage, signature), verifyLeafNodeSignatureKeyPackage(leafNode, signature)]));
  if (!isSigned.every(Boolean)) throw refuse("is not valid");
  const { notBefore, notAfter } = leafNode.lifetime;
  const isNow = notBefore <= BigInt(nowSeconds) && BigInt(nowSeconds) < notAfter;
  if (!isNow || notAfter - notBefore > BigInt(KEY_PACKAGE_LIFETIME_SECONDS_MAX)) throw refuse("is out of its lifetime");
  return keyPackage;
}

/** The group of a conversation with this device alone in it, in epoch 0. */
export async function create(identity: Identity, conversation: string, nowSeconds: number): Promise<Group> {
  const groupId = utf8(conversation);
  if (groupId.length === 0 || groupId.length > CONVERSATION_ID_BYTES_MAX) throw new MlsError("wire", "a conversation id is 1 to 256 bytes");
  const { own } = await makeKeyPackage(identity, nowSeconds, false);
  const { publicPackage, privatePackage } = partsOf(identity, own);
  const state = await orInvalid("a group", createGroup(groupId, publicPackage, privatePackage, [], await suite(), config));
  return { conversation, state };
}

function partsOf(identity: Identity, own: OwnKeyPackage) {
  const bytes = (text: string) => fromBase64(text) ?? new Uint8Array();
  const decoded = decodeKeyPackage(bytes(own.publicPart), 0);
  if (!decoded) throw new MlsError("invalid", "a key package of this device cannot be read");
  return {
    publicPackage: decoded[0],
    privatePackage: {
      initPrivateKey: bytes(own.initKey), hpkePrivateKey: bytes(own.leafKey), signaturePrivateKey: identity.signKey,
    },
  };
}

/** The references of the key packages that a Welcome is for. */
export function welcomeFor(payload: string): string[] {
  return read(payload, "mls_welcome").welcome.secrets.map((secret) => hex(secret.newMember));
}

/** Joins a group by a Welcome for this key package, in place of what this device had of it before. */
export async function join(
  identity: Identity, own: OwnKeyPackage, payload: string, conversation: string, from: Device, before: Group | undefined,
): Promise<Group> {
  const { welcome } = read(payload, "mls_welcome");
  if (welcome.cipherSuite !== SUITE) throw new MlsError("invalid", "the Welcome is for another cipher suite");
  const { publicPackage, privatePackage } = partsOf(identity, own);
  const signer = await orInvalid("a Welcome", signerOf(welcome, publicPackage, privatePackage.initPrivateKey));
  const state = await orInvalid(
    "a Welcome", joinGroup(welcome, publicPackage, privatePackage, emptyPskIndex, await suite(), undefined, undefined, config));
  if (state.groupContext.cipherSuite !== SUITE) throw new MlsError("invalid", "the Welcome is for another cipher suite");
  if (!equal(state.groupContext.groupId, utf8(conversation))) {
    throw new MlsError("wrongConversation", "the Welcome is of another conversation");
  }
  const group = { conversation, state };
  const leaves = roster(group);
  const found = leaves.find(({ index }) => index === signer)?.device;
  if (found !== from) throw new MlsError("wrongSender", `the Welcome is by ${found ?? "nobody"}, and not by ${from}`);
  const ours = leaves.find(({ index }) => index === state.privatePath.leafIndex);
  if (ours?.device !== identity.device || ours.key !== base64(identity.publicKey)) {
    throw new MlsError("roster", "the Welcome adds this device under another name or key");
  }
  if (before) {
    // Who is put in anew was removed by the same commit.
    const [now, old] = [epochOf(group), epochOf(before)];
    if (isActive(before) ? now <= old : now < old) {
      throw new MlsError("stale", `the Welcome is into epoch ${now}, and the group is in ${old} already`);
    }
  }
  return group;
}

/** The leaf that signed what a Welcome leads to. That it did is checked by joining. */
async function signerOf(welcome: Welcome, own: KeyPackage, initKey: Uint8Array): Promise<number> {
  const cs = await suite();
  const key = await cs.hpke.importPrivateKey(initKey);
  const secrets = await decryptGroupSecrets(key, await makeKeyPackageRef(own, cs.hash), welcome, cs.hpke);
  if (!secrets) throw new MlsError("invalid", "the Welcome cannot be opened");
  const info = await decryptGroupInfo(welcome, secrets.joinerSecret, new Uint8Array(cs.kdf.size), cs);
  if (!info) throw new MlsError("invalid", "the Welcome cannot be opened");
  return info.signer;
}

export const epochOf = ({ state }: Group): number => Number(state.groupContext.epoch);
export const isActive = ({ state }: Group): boolean => state.groupActiveState.kind === "active";
/** The same on two devices exactly when their groups are the same (RFC 9420 §8.7). */
export const authenticator = ({ state }: Group): string => hex(state.keySchedule.epochAuthenticator);

/** The devices in a group, in the order of the tree. */
export function roster({ state }: Group): Leaf[] {
  return leavesOf(state.ratchetTree);
}

function leavesOf(tree: ClientState["ratchetTree"]): Leaf[] {
  const leaves: Leaf[] = [];
  const seen = new Set<Device>();
  for (const [at, node] of tree.entries()) {
    if (node?.nodeType !== "leaf") continue;
    const device = deviceIn(node.leaf.credential);
    if (!device) throw new MlsError("roster", "a leaf of the group is no device");
    if (node.leaf.signaturePublicKey.length !== 32) throw new MlsError("roster", `the signature key of ${device} is not one of 32 bytes`);
    if (seen.has(device)) throw new MlsError("roster", `${device} is in the group twice`);
    seen.add(device);
    leaves.push({ device, key: base64(node.leaf.signaturePublicKey), index: at / 2 });
  }
  return leaves;
}

/** Encrypts a message for the devices of this epoch. */
export async function encrypt(group: Group, content: Content): Promise<{ group: Group; payload: string; epoch: number }> {
  const plain = encodeContent(content);
  if (!isActive(group)) throw new MlsError("removed", "this device is no longer in the group");
  const written = lengthBytes(plain.length) + plain.length + SIGNATURE_BYTES;
  const paddingLength = (PADDING_BYTES - (written % PADDING_BYTES)) % PADDING_BYTES;
  const padded = { ...group.state, clientConfig: { ...config, paddingConfig: { kind: "alwaysPad" as const, paddingLength } } };
  const made = await orInvalid("a message", createApplicationMessage(padded, plain, await suite()));
  return {
    group: { ...group, state: { ...made.newState, clientConfig: config } },
    payload: write({ version: "mls10", wireformat: "mls_private_message", privateMessage: made.privateMessage }),
    epoch: epochOf(group),
  };
}

/** What the length of so many bytes takes (RFC 9420 §2.1.2). */
const lengthBytes = (length: number): number => (length < 64 ? 1 : length < 16_384 ? 2 : 4);

/** Makes a commit, which waits from there on; the group stays in its epoch until the service has answered. */
export async function commit(
  group: Group, identity: Identity, add: readonly { device: Device; keyPackage: KeyPackage }[], remove: readonly Device[],
): Promise<{ group: Group; commit: Commit }> {
  if (!isActive(group)) throw new MlsError("removed", "this device is no longer in the group");
  if (group.pending) throw new MlsError("pending", "a commit waits already for the service's answer");
  const leaves = roster(group);
  const present = new Set(leaves.map(({ device }) => device));
  const removes = remove.map((device): Proposal => {
    const leaf = leaves.find((one) => one.device === device);
    if (!leaf || device === identity.device || !present.delete(device)) throw new MlsError("roster", `${device} cannot be removed`);
    return { proposalType: "remove", remove: { removed: leaf.index } };
  });
  const adds = add.map(({ device, keyPackage }): Proposal => {
    if (present.has(device)) throw new MlsError("roster", `${device} is in the group already`);
    present.add(device);
    return { proposalType: "add", add: { keyPackage } };
  });
  const cs = await suite();
  const { state } = group;
  const made = await orInvalid(
    "a commit", createCommit({ state, cipherSuite: cs }, { extraProposals: [...removes, ...adds], ratchetTreeExtension: true }));
  const payload = write(made.commit);
  if (payload.length > PAYLOAD_BASE64_BYTES_MAX) {
    throw new MlsError("tooLarge", `a commit of ${payload.length} bytes is over the ${PAYLOAD_BASE64_BYTES_MAX} of a payload`);
  }
  // ts-mls leaves the key of the commit where it was: another commit in this epoch would be encrypted under it again.
  const { newTree } = await consumeRatchet(state.secretTree, state.privatePath.leafIndex * 2, "commit", cs);
  return {
    group: {
      ...group, state: { ...state, secretTree: newTree },
      pending: { sha256: hex(await sha256(utf8(payload))), state: made.newState },
    },
    commit: {
      payload, epoch: epochOf(group),
      welcome: made.welcome && write({ version: "mls10", wireformat: "mls_welcome", welcome: made.welcome }),
      welcomed: add.map(({ device }) => device),
    },
  };
}

/** Whether a Welcome is too large for a frame, and goes by media handle. */
export const isByMedia = ({ welcome, payload }: Commit): boolean =>
  welcome !== undefined && welcome.length + payload.length > PAYLOAD_BASE64_BYTES_MAX;

/** The service has accepted the commit that waits: the group in its next epoch. Where none waits, as it is. */
export function accept(group: Group): Group {
  const { pending, state, conversation } = group;
  if (!pending) return group;
  const epoch = state.groupContext.epoch;
  const past = pending.state.historicalReceiverData.get(epoch);
  if (!past) return { conversation, state: pending.state };
  // What was read since the commit was made is read: its keys do not come back.
  const historicalReceiverData = new Map(pending.state.historicalReceiverData).set(epoch, { ...past, secretTree: state.secretTree });
  return { conversation, state: { ...pending.state, historicalReceiverData } };
}

/** The service has refused the commit that waits, for good. Never on a guess. */
export function discard({ conversation, state }: Group): Group {
  return { conversation, state };
}

/** Processes one entry of the log. Entries come in its order; a message may be late by some. */
export async function process(group: Group, identity: Identity, entry: Entry): Promise<Processed> {
  const { privateMessage } = read(entry.payload, "mls_private_message");
  if (!equal(privateMessage.groupId, utf8(group.conversation))) {
    throw new MlsError("wrongConversation", "the entry is of another conversation");
  }
  const of = Number(privateMessage.epoch);
  const isCommit = privateMessage.contentType === "commit";
  if (privateMessage.contentType === "proposal" || isCommit !== (entry.event === "commit")) {
    throw new MlsError("misnamed", "the entry is not what the service names it");
  }
  if ((isCommit ? of + 1 : of) !== entry.epoch) throw new MlsError("misnamed", "the entry is of another epoch than the service says");
  if (!isActive(group)) throw new MlsError("removed", "this device is no longer in the group");
  const current = epochOf(group);
  if (isCommit && entry.epoch <= current) return { is: "known" };
  if (of > current) throw new MlsError("gap", `the entry is of epoch ${of}, and the group is in ${current}`);
  if (!isCommit) return processMessage(group, entry, privateMessage);
  if (entry.sender !== identity.device) return processCommit(group, entry, privateMessage);
  // It claims to be of this device, which nothing in it proves: it is the commit that waits here, or nothing.
  if (group.pending?.sha256 !== hex(await sha256(utf8(entry.payload)))) {
    throw new MlsError("lostCommit", "a commit of this device was accepted that it no longer has");
  }
  return { is: "ownCommit", group: accept(group) };
}

async function processMessage(group: Group, entry: Entry, message: PrivateMessage): Promise<Processed> {
  const { state } = group;
  const isCurrent = message.epoch === state.groupContext.epoch;
  const past = isCurrent ? undefined : state.historicalReceiverData.get(message.epoch);
  if (!isCurrent && !past) throw new MlsError("tooOld", "the keys of the message are not here: it is from before the joining, or too old");
  const { senderDataSecret, secretTree, ratchetTree, groupContext } = past ?? { ...state, ...state.keySchedule };
  const { content, tree } = await orInvalid("a message", unprotectPrivateMessage(
    senderDataSecret, message, secretTree, ratchetTree, groupContext, retention, await suite()));
  const { sender } = content.content;
  const index = sender.senderType === "member" ? sender.leafIndex : undefined;
  const found = leavesOf(ratchetTree).find((leaf) => leaf.index === index)?.device;
  if (found !== entry.sender) throw new MlsError("wrongSender", `the entry is by ${found ?? "nobody"}, and not by ${entry.sender}`);
  if (content.content.contentType !== "application") throw new MlsError("misnamed", "the entry is no message");
  const historicalReceiverData = past
    ? new Map(state.historicalReceiverData).set(message.epoch, { ...past, secretTree: tree })
    : state.historicalReceiverData;
  const next = { ...group, state: { ...state, historicalReceiverData, secretTree: past ? state.secretTree : tree } };
  // One that cannot be understood is read all the same: its key is used up.
  return { is: "message", group: next, content: contentIn(content.content.applicationData) };
}

function contentIn(bytes: Uint8Array): Content | ContentError {
  try {
    return decodeContent(bytes);
  } catch (error) {
    return error instanceof ContentError ? error : new ContentError("the content cannot be read");
  }
}

async function processCommit(group: Group, entry: Entry, message: PrivateMessage): Promise<Processed> {
  const { state, conversation } = group;
  const before = leavesOf(state.ratchetTree);
  const added: Device[] = [];
  const removed: Device[] = [];
  let committer: Leaf | undefined;
  let isSelfRemoved = false;
  const result = await orInvalid("a commit", processPrivateMessage(state, message, emptyPskIndex, await suite(), (incoming) => {
    if (incoming.kind !== "commit") throw new MlsError("misnamed", "the entry is a proposal by itself");
    committer = before.find(({ index }) => index === incoming.senderLeafIndex);
    if (committer?.device !== entry.sender) {
      throw new MlsError("wrongSender", `the commit is by ${committer?.device ?? "nobody"}, and not by ${entry.sender}`);
    }
    for (const { proposal } of incoming.proposals) {
      if (proposal.proposalType === "remove") {
        const leaf = before.find(({ index }) => index === proposal.remove.removed);
        if (leaf) removed.push(leaf.device);
        isSelfRemoved ||= proposal.remove.removed === state.privatePath.leafIndex;
      } else if (proposal.proposalType === "add") {
        const device = deviceIn(proposal.add.keyPackage.leafNode.credential);
        if (!device) throw new MlsError("roster", "a commit adds what is no device");
        added.push(device);
      } else throw new MlsError("forbidden", "the commit has something else than adds and removes in it");
    }
    for (const device of added) {
      const isIn = before.some((leaf) => leaf.device === device) && !removed.includes(device);
      if (isIn || added.indexOf(device) !== added.lastIndexOf(device)) throw new MlsError("roster", `the commit has ${device} in the group twice`);
    }
    // Where this device's leaf is given to another by the same commit, ts-mls takes that for its own.
    return isSelfRemoved ? "reject" : "accept";
  }));
  if (isSelfRemoved) {
    return { is: "removed", group: { conversation, state: { ...state, groupActiveState: { kind: "removedFromGroup" } } } };
  }
  if (result.kind !== "newState" || !committer) throw new MlsError("misnamed", "the entry is no commit");
  const next = { conversation, state: result.newState };
  const renewed = roster(next).find(({ index }) => index === committer?.index);
  if (renewed?.device !== committer.device || renewed.key !== committer.key) {
    throw new MlsError("forbidden", "the commit gives its device another name or key");
  }
  return {
    is: "commit", group: next, added: added.filter((device) => !removed.includes(device)),
    removed: removed.filter((device) => !added.includes(device)), replaced: added.filter((device) => removed.includes(device)),
  };
}

/** Whether a device has to be added to a group anew: it cannot follow a commit that the service has accepted. */
export function needsRejoin(error: MlsError, event: Entry["event"]): boolean {
  return error.reason === "gap" || error.reason === "lostCommit" || (error.reason === "invalid" && event === "commit");
}

/** A group as bytes, and back. */
export const encodeState = (state: ClientState): Bytes => concat(encodeGroupState(state as GroupState));

export function decodeState(bytes: Uint8Array): ClientState {
  const decoded = decodeGroupState(bytes, 0);
  if (!decoded) throw new MlsError("invalid", "the state of a group cannot be read");
  return { ...decoded[0], clientConfig: config };
}
