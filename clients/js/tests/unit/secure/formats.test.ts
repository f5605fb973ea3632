// What both clients must agree on: the Rust client's tests read the same vectors (clients/secure/src/vectors.rs).
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { groupsOf, parseLinkCode } from "../../../src/secure/index.ts";
import { ArchiveError, openArchive, type Row, sealArchive } from "../../../src/secure/archive.ts";
import { base64, fromBase64, hex, sha256, utf8 } from "../../../src/secure/bytes.ts";
import { ContentError, decodeContent, encodeContent } from "../../../src/secure/content.ts";
import { fingerprintOf, revealLinkCode } from "../../../src/secure/link.ts";
import { newRecoveryKey, parseRecoveryKey, revealRecoveryKey } from "../../../src/secure/recovery.ts";
import { halfOf, safetyNumber } from "../../../src/secure/safety.ts";
import { newSealing, seal, sealedBytes, unseal } from "../../../src/secure/seal.ts";
import { editsAllowed, isAlike, termsOf } from "../../../src/secure/search.ts";

const vectors = JSON.parse(readFileSync(new URL("../../../../vectors/formats.json", import.meta.url), "utf8"));
const bytes = (text: string) => fromBase64(text) ?? new Uint8Array();
const fromHex = (text: string) => Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
const pattern = (size: number) => Uint8Array.from({ length: size }, (_, at) => (at * 7) % 251);

it("makes the safety numbers that the other client makes, of Signal's halves", () => {
  expect(halfOf("+14152222222", fromHex("0506863bc66d02b40d27b8d49ca7c09e9239236f9d7d25d6fcca5ce13c7064d868"))).toBe("300354477692869396892869876765");
  expect(halfOf("+14153333333", fromHex("05f781b6fb32fed9ba1cf2de978d4d5da28dc34046ae814402b5c0dbd96fda907b"))).toBe("458257569162576843440918079131");
  const { one, other, digits } = vectors.safetyNumber;
  const number = safetyNumber([one.user, one.keys.map(bytes)], [other.user, other.keys.map(bytes)]);
  expect(number).toBe(digits);
  expect(safetyNumber([other.user, other.keys.map(bytes).reverse()], [one.user, [...one.keys, one.keys[0]].map(bytes)])).toBe(digits);
  expect(safetyNumber([one.user, one.keys.slice(1).map(bytes)], [other.user, other.keys.map(bytes)])).not.toBe(digits);
  expect(groupsOf(number).map((group) => group.length)).toEqual(Array(12).fill(5));
});

it("reads and writes link codes and recovery keys as the other client", async () => {
  const { deviceId, identityKey, code } = vectors.link;
  const parsed = await parseLinkCode(` ${code}\n`);
  expect([parsed.deviceId, parsed.fingerprint]).toEqual([deviceId, await fingerprintOf(identityKey)]);
  expect(await revealLinkCode(parsed)).toBe(code);
  for (let round = 0; round < 20; round += 1) {
    const key = newRecoveryKey();
    const shown = await revealRecoveryKey(key);
    expect(await parseRecoveryKey(shown.toLowerCase().replaceAll("-", " ").replaceAll("0", "o").replaceAll("1", "l"))).toEqual(key);
  }
  for (const [text, why] of [
    ["hello", "begins with tidings-link:"], ["tidings-link:x", "begins with tidings-link:"], [code.replace(deviceId, "büro"), "no device"],
    [code.replace(parsed.fingerprint, "xyz"), "hash"], [code.slice(0, -1), "52 letters"], [code.replace(/.$/, "U"), "no “U”"],
  ] as const) await expect(parseLinkCode(text)).rejects.toThrow(why);
});

it("seals and opens content as the other client", async () => {
  for (const { size, sealing, sealedSha256 } of vectors.sealing) {
    const sealed = new Uint8Array(await (await seal(sealing, new Blob([pattern(size)]))).arrayBuffer());
    expect([sealed.length, hex(await sha256(sealed))]).toEqual([sealedBytes(size), sealedSha256]);
    expect(await unseal(sealing, sealed, size)).toEqual(pattern(size));
    const changed = sealed.map((byte, at) => (at === size >> 1 ? byte ^ 1 : byte));
    await expect(unseal(sealing, changed, size)).rejects.toThrow("damaged");
    await expect(unseal(sealing, sealed.slice(0, -1), size)).rejects.toThrow("damaged");
    await expect(unseal(newSealing(), sealed, size)).rejects.toThrow("damaged");
  }
  // Two chunks that are put in each other's place, and an end that was cut off between two.
  const [{ sealing }] = vectors.sealing;
  const size = 3 * 65_536;
  const sealed = new Uint8Array(await (await seal(sealing, new Blob([pattern(size)]))).arrayBuffer());
  const chunk = 65_536 + 16;
  const moved = new Uint8Array([...sealed.slice(chunk, 2 * chunk), ...sealed.slice(0, chunk), ...sealed.slice(2 * chunk)]);
  await expect(unseal(sealing, moved, size)).rejects.toThrow("damaged");
  await expect(unseal(sealing, sealed.slice(0, 2 * chunk), 2 * 65_536)).rejects.toThrow("damaged");
  await expect(unseal({ key: "AAAA", nonce: "AAAA" }, sealed, size)).rejects.toThrow("32 bytes");
});

it("reads the archives of the other client, whole or not at all", async () => {
  const key = await parseRecoveryKey(vectors.archive.key);
  const archive = bytes(vectors.archive.bytes);
  const rows = await openArchive(key, archive);
  expect(rows).toEqual(vectors.archive.rows);
  const many: Row[] = Array.from({ length: 900 }, (_, at) => ({ ...rows[1], sequence: at, text: "x".repeat(200) }) as Row);
  const large = await sealArchive(key, many);
  expect(await openArchive(key, large)).toEqual(many);
  const wrong = expect.objectContaining({ isOfAnother: true });
  await expect(openArchive(newRecoveryKey(), archive)).rejects.toEqual(wrong);
  await expect(openArchive(key, large.slice(0, -1))).rejects.toEqual(wrong);
  await expect(openArchive(key, large.slice(0, 48 + 65_552))).rejects.toEqual(wrong);
  await expect(openArchive(key, utf8("no archive"))).rejects.toEqual(wrong);
  expect(await openArchive(key, await sealArchive(key, []))).toEqual([]);
  const odd = await sealArchive(key, [{ row: "message", conversationId: 5 } as unknown as Row]);
  await expect(openArchive(key, odd)).rejects.toThrow(ArchiveError);
});

it("writes and reads the form of a content, and nothing else", () => {
  expect(JSON.parse(new TextDecoder().decode(encodeContent({ kind: "image", body: { caption: "ü" } })))).toEqual({ v: 1, kind: "image", body: { caption: "ü" } });
  expect(decodeContent(utf8('{"body":1,"more":true,"kind":"te\\u0078t","v":1}'))).toEqual({ kind: "text", body: 1 });
  for (const text of ["hello", '{"kind":"text","body":"no version"}', '{"v":1,"kind":"text"}', '{"v":2,"else":0}', "[]", "null"]) {
    expect(() => decodeContent(utf8(text)), text).toThrow(ContentError);
  }
  expect(() => decodeContent(new Uint8Array([0xff]))).toThrow(ContentError);
  expect(() => encodeContent({ kind: "text", body: "x".repeat(17 * 1024) })).toThrow("over the limit");
  expect(fromBase64("AAA=")).toEqual(new Uint8Array(2));
  for (const text of ["AAA", "AAB=", "A-A=", "====", "AAAA AAA"]) expect(fromBase64(text), text).toBeUndefined();
  expect(base64(pattern(20_000))).toBe(Buffer.from(pattern(20_000)).toString("base64"));
});

it("makes terms of texts as the other client's index", () => {
  expect(termsOf("Crème-brûlée, ÜBER!")).toEqual([["creme"], ["brulee"], ["uber"]]);
  expect(termsOf("Cafe\u0301")).toEqual([["cafe"]]);
  expect(termsOf("東京tower")).toEqual([["東", "京"], ["tower"]]);
  expect(termsOf("ＡＢＣ ﬁne")).toEqual([["abc"], ["fine"]]);
  expect(termsOf(' "*()- ')).toEqual([]);
  for (const [one, other, max, alike] of [
    ["hello", "hallo", 1, true], ["hello", "ehllo", 1, true], ["hello", "help", 1, false], ["hello", "help", 2, true], ["kitten", "sitting", 2, false],
  ] as const) expect(isAlike(one, other, max), `${one} ${other}`).toBe(alike);
  expect([editsAllowed(3, 2), editsAllowed(5, 2), editsAllowed(12, 2), editsAllowed(12, 1)]).toEqual([0, 1, 2, 1]);
});
