// Devices by ts-mls: one request a line on the standard input, one answer a line on the output, JSON both. What is wrong
// is answered as {"error": …} and changes nothing; states of ts-mls are values, the old one stays as it was.
import { createInterface } from "node:readline"
import {
  createApplicationMessage, createCommit, createGroup, decodeMlsMessage, defaultKeyPackageEqualityConfig,
  emptyPskIndex, encodeMlsMessage, generateKeyPackageWithKey, getCiphersuiteFromName, getCiphersuiteImpl, joinGroup,
  processPrivateMessage,
} from "ts-mls"
// The public functions do not tell who sent an application message.
import { unprotectPrivateMessage } from "ts-mls/messageProtection.js"
import { makeKeyPackageRef } from "ts-mls/keyPackage.js"

const SUITE = "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519"
const LAST_RESORT = 10
const LIFETIME_SECONDS = 84n * 24n * 3600n
const suite = await getCiphersuiteImpl(getCiphersuiteFromName(SUITE))
const devices = new Map()

const bytes = (text) => new TextEncoder().encode(text)
const text = (data) => new TextDecoder("utf-8", { fatal: true }).decode(data)
const to64 = (data) => Buffer.from(data).toString("base64")
const hex = (data) => Buffer.from(data).toString("hex")

const capabilities = {
  versions: ["mls10"], ciphersuites: [SUITE], extensions: [LAST_RESORT], proposals: [], credentials: ["basic"],
}
const config = {
  keyRetentionConfig: { retainKeysForGenerations: 32, retainKeysForEpochs: 2, maximumForwardRatchetSteps: 1000 },
  lifetimeConfig: { maximumTotalLifetime: 90n * 24n * 3600n, validateLifetimeOnReceive: true },
  keyPackageEqualityConfig: defaultKeyPackageEqualityConfig,
  paddingConfig: { kind: "padUntilLength", padUntilLength: 256 },
  // A leaf is a device: USER/DEVICE.
  authService: {
    async validateCredential(credential) {
      return credential.credentialType === "basic"
        && /^[A-Za-z0-9._-]{1,64}\/[A-Za-z0-9._:-]{1,64}$/.test(text(credential.identity))
    },
  },
}

function decode(payload, wireformat) {
  const data = new Uint8Array(Buffer.from(payload, "base64"))
  const decoded = decodeMlsMessage(data, 0)
  if (decoded === undefined || decoded[1] !== data.length) throw new Error("not an MLS message")
  if (decoded[0].wireformat !== wireformat) throw new Error(`${decoded[0].wireformat}, not ${wireformat}`)
  return decoded[0]
}

const encode = (message) => to64(encodeMlsMessage({ version: "mls10", ...message }))

function leaves(state) {
  return state.ratchetTree
    .map((node, index) => ({ node, index: index / 2 }))
    .filter(({ node }) => node?.nodeType === "leaf")
    .map(({ node, index }) => ({ device: text(node.leaf.credential.identity), index }))
}

function describe(state) {
  return {
    epoch: Number(state.groupContext.epoch),
    active: state.groupActiveState.kind === "active",
    authenticator: hex(state.keySchedule.epochAuthenticator),
    roster: leaves(state).map((leaf) => leaf.device).sort(),
  }
}

async function makeKeyPackage(device, nowSeconds, isLastResort) {
  const lifetime = { notBefore: BigInt(nowSeconds) - 3600n, notAfter: BigInt(nowSeconds) + LIFETIME_SECONDS }
  const extensions = isLastResort ? [{ extensionType: LAST_RESORT, extensionData: new Uint8Array() }] : []
  const credential = { credentialType: "basic", identity: bytes(device.name) }
  return generateKeyPackageWithKey(credential, capabilities, lifetime, extensions, device.keys, suite)
}

const operations = {
  async device({ device: name }) {
    const keys = await suite.signature.keygen()
    devices.set(name, { name, keys, packages: [], state: undefined, pending: undefined })
    return { identityKey: to64(keys.publicKey) }
  },

  async keyPackage(device, { nowSeconds, lastResort = false }) {
    const made = await makeKeyPackage(device, nowSeconds, lastResort)
    device.packages.push({ ...made, lastResort })
    return { keyPackage: encode({ wireformat: "mls_key_package", keyPackage: made.publicPackage }) }
  },

  async create(device, { conversation, nowSeconds }) {
    const made = await makeKeyPackage(device, nowSeconds, false)
    device.state =
      await createGroup(bytes(conversation), made.publicPackage, made.privatePackage, [], suite, config)
    return describe(device.state)
  },

  async join(device, { welcome: payload }) {
    const { welcome } = decode(payload, "mls_welcome")
    for (const made of device.packages) {
      const reference = hex(await makeKeyPackageRef(made.publicPackage, suite.hash))
      if (!welcome.secrets.some((secret) => hex(secret.newMember) === reference)) continue
      device.state = await joinGroup(
        welcome, made.publicPackage, made.privatePackage, emptyPskIndex, suite, undefined, undefined, config)
      device.pending = undefined
      if (!made.lastResort) device.packages = device.packages.filter((other) => other !== made)
      return describe(device.state)
    }
    throw new Error("the Welcome is for none of the key packages")
  },

  async commit(device, { add = [], remove = [] }) {
    const found = leaves(device.state)
    const removes = remove.map((name) => {
      const leaf = found.find((other) => other.device === name)
      if (leaf === undefined) throw new Error(`${name} is not in the group`)
      return { proposalType: "remove", remove: { removed: leaf.index } }
    })
    const adds = add.map((payload) => (
      { proposalType: "add", add: { keyPackage: decode(payload, "mls_key_package").keyPackage } }))
    const made = await createCommit(
      { state: device.state, cipherSuite: suite },
      { extraProposals: [...removes, ...adds], ratchetTreeExtension: true })
    device.pending = made.newState
    return {
      payload: to64(encodeMlsMessage(made.commit)),
      epoch: Number(device.state.groupContext.epoch),
      welcome: made.welcome && encode({ wireformat: "mls_welcome", welcome: made.welcome }),
    }
  },

  async accept(device) {
    device.state = device.pending
    device.pending = undefined
    return describe(device.state)
  },

  async process(device, { payload }) {
    const { privateMessage } = decode(payload, "mls_private_message")
    let sender
    if (privateMessage.contentType === "application" && privateMessage.epoch === device.state.groupContext.epoch) {
      const { content } = await unprotectPrivateMessage(
        device.state.keySchedule.senderDataSecret, privateMessage, device.state.secretTree, device.state.ratchetTree,
        device.state.groupContext, config.keyRetentionConfig, suite)
      const index = content.content.sender.leafIndex
      sender = leaves(device.state).find((leaf) => leaf.index === index).device
    }
    const result = await processPrivateMessage(device.state, privateMessage, emptyPskIndex, suite)
    device.state = result.newState
    if (result.kind === "applicationMessage") return { content: JSON.parse(text(result.message)), sender }
    device.pending = undefined
    return describe(device.state)
  },

  async encrypt(device, { content }) {
    const { newState, privateMessage } =
      await createApplicationMessage(device.state, bytes(JSON.stringify(content)), suite)
    device.state = newState
    return {
      payload: encode({ wireformat: "mls_private_message", privateMessage }),
      epoch: Number(privateMessage.epoch),
    }
  },

  async state(device) {
    return describe(device.state)
  },
}

async function answer(line) {
  const request = JSON.parse(line)
  if (request.op === "device") return operations.device(request)
  const device = devices.get(request.device)
  if (device === undefined) throw new Error(`there is no device ${request.device}`)
  return operations[request.op](device, request)
}

for await (const line of createInterface({ input: process.stdin })) {
  let result
  try {
    result = await answer(line)
  } catch (error) {
    result = { error: `${error.name}: ${error.message}` }
  }
  process.stdout.write(`${JSON.stringify(result)}\n`)
}
