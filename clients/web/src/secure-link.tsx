/** Linking devices: a code on the new one, which the old one scans or is given. Loaded when it is needed. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import encodeQR from "qr";
import { Failure, useTask } from "./dialogs.tsx";
import { Dialog, Icon, reasonOf } from "./parts.tsx";
import type { Session } from "./session.ts";

/** How often the camera's picture is looked at. */
const SCAN_EVERY_MS = 200;
const SCAN_WIDTH = 640;

/** Shows the code of this device, and takes the history that another sends. */
export function ShowCode({ session, close }: { session: Session; close: () => void }) {
  const [code, setCode] = useState<string>();
  const [received, setReceived] = useState<number>();
  const [isCopied, setCopied] = useState(false);
  const { error, run } = useTask();
  useEffect(() => {
    run(async () => {
      const made = await session.security.linkCode();
      setCode(made);
      setReceived(await session.security.receiveHistory(made));
    });
    return () => void session.security.stopReceiving().catch(() => undefined);
  }, []);
  return (
    <Dialog title="Get the history from another device" close={close}>
      {received !== undefined
        ? (
          <>
            <p class="state good" role="status"><Icon name="check" /> This device is linked. {received === 1 ? "1 message is" : `${received} messages are`} here now.</p>
            <button class="primary" onClick={close}>Done</button>
          </>
        )
        : (
          <>
            <ol class="steps">
              <li>On a device that you have used before, choose Settings, Devices, “Link a new device”.</li>
              <li>Point its camera at this code, or paste the code there.</li>
            </ol>
            {code && <QrCode text={code} />}
            {code && !error && <p class="working centred" role="status"><span class="spinner" />Waiting for the other device…</p>}
            <Failure error={error} />
            {code && <p class="code">{code}</p>}
            {code && <button onClick={() => void navigator.clipboard.writeText(code).then(() => setCopied(true), (failure: unknown) => session.say(reasonOf(failure)))}><Icon name="copy" /> {isCopied ? "Copied" : "Copy the code"}</button>}
            <p class="muted">Whoever sees this code can read the history that is sent by it. It is good for one device, as long as this is open.</p>
          </>
        )}
    </Dialog>
  );
}

/** A QR code as a picture of paths: the page's policy lets no other kind in. */
function QrCode({ text }: { text: string }) {
  const rows = useMemo(() => encodeQR(text, "raw", { ecc: "medium", border: 2 }), [text]);
  const path = rows.map((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : "")).join("")).join("");
  return <svg class="qr" viewBox={`0 0 ${rows.length} ${rows.length}`} shape-rendering="crispEdges" role="img" aria-label="QR code to link this device by"><path d={path} /></svg>;
}

/** Takes the code of a new device, by camera or typed, and links it. */
export function EnterCode({ session, close, done }: { session: Session; close: () => void; done?: () => void }) {
  const [text, setText] = useState("");
  const [isScanning, setScanning] = useState(false);
  const [linked, setLinked] = useState<string>();
  const { busy, error, run } = useTask();
  const link = (code: string) => run(async () => {
    setScanning(false);
    setLinked(await session.security.link(code.trim()));
    done?.();
  });
  return (
    <Dialog title="Link a new device" close={close}>
      {linked !== undefined
        ? (
          <>
            <p class="state good" role="status"><Icon name="check" /> {linked} is linked, and gets the history.</p>
            <button class="primary" onClick={close}>Done</button>
          </>
        )
        : (
          <>
            <p>Sign in on the new device, and choose there Settings, Devices, “Get the history”. It shows a code.</p>
            {isScanning
              ? <Scanner found={(code) => { setText(code); link(code); }} failed={(failure) => { setScanning(false); session.say(reasonOf(failure)); }} />
              : <button disabled={busy} onClick={() => setScanning(true)}><Icon name="image" /> Scan the code</button>}
            <form class="stack" onSubmit={(event) => { event.preventDefault(); link(text); }}>
              <label>Or paste it here<textarea class="code" rows={3} required placeholder="tidings-link:…" value={text} onInput={(event) => setText(event.currentTarget.value)} /></label>
              <Failure error={error} />
              <button class="primary" disabled={busy || !text.trim()}>{busy ? "Linking…" : "Link"}</button>
            </form>
            <p class="muted">Only link a device that is yours and in front of you: it reads all your messages from then on.</p>
          </>
        )}
    </Dialog>
  );
}

/** The camera's picture, until a code is in it. */
function Scanner({ found, failed }: { found: (code: string) => void; failed: (error: unknown) => void }) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    let isOver = false;
    let stream: MediaStream | undefined;
    const scan = async () => {
      const { decodeQR } = await import("qr/decode.js");
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      const { current } = video;
      if (!current || isOver) return stop();
      current.srcObject = stream;
      await current.play();
      const canvas = document.createElement("canvas");
      const context = canvas.getContext("2d", { willReadFrequently: true });
      while (!isOver && context) {
        await new Promise((resolve) => setTimeout(resolve, SCAN_EVERY_MS));
        if (current.videoWidth === 0) continue;
        canvas.width = Math.min(SCAN_WIDTH, current.videoWidth);
        canvas.height = Math.round((canvas.width * current.videoHeight) / current.videoWidth);
        context.drawImage(current, 0, 0, canvas.width, canvas.height);
        const { width, height, data } = context.getImageData(0, 0, canvas.width, canvas.height);
        const code = textIn(decodeQR, { width, height, data });
        if (code?.startsWith("tidings-link:") && !isOver) return found(code);
      }
    };
    const stop = () => {
      isOver = true;
      for (const track of stream?.getTracks() ?? []) track.stop();
    };
    scan().catch((error: unknown) => { if (!isOver) failed(error instanceof DOMException ? new Error("The camera cannot be used. Paste the code instead.") : error); });
    return stop;
  }, []);
  return <div class="camera"><video ref={video} muted playsInline aria-label="Camera" /></div>;
}

type Picture = { width: number; height: number; data: Uint8ClampedArray };

/** Most pictures have no code in them. */
function textIn(decode: (picture: Picture) => string, picture: Picture): string | undefined {
  try {
    return decode(picture);
  } catch {
    return undefined;
  }
}
