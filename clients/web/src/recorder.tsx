/** Recording a voice note. Loaded when it is asked for. */
import { useEffect, useRef, useState } from "preact/hooks";
import { durationOf, Icon, IconButton, reasonOf } from "./parts.tsx";
import { bars } from "./voice.tsx";

const TYPES = ["audio/webm;codecs=opus", "audio/mp4", "audio/ogg;codecs=opus"];
const SAMPLE_MS = 80;
const PEAKS = 100;
const LENGTH_MS_MAX = 10 * 60_000;

interface Props {
  done: (file: File, about: { durationMs: number; peaks: number[] }) => void;
  cancel: () => void;
  fail: (error: unknown) => void;
}

interface Recording {
  recorder: MediaRecorder;
  stream: MediaStream;
  sound: AudioContext;
  loudness: () => number;
}

async function begin(): Promise<Recording> {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true } }).catch((error: unknown) => {
    const isRefused = error instanceof DOMException && error.name === "NotAllowedError";
    throw new Error(isRefused ? "The microphone is blocked. Allow it in the browser's settings." : "There is no microphone.");
  });
  const mimeType = TYPES.find((type) => MediaRecorder.isTypeSupported(type));
  const recorder = new MediaRecorder(stream, { ...(mimeType ? { mimeType } : {}), audioBitsPerSecond: 32_000 });
  const sound = new AudioContext();
  const analyser = sound.createAnalyser();
  analyser.fftSize = 1024;
  sound.createMediaStreamSource(stream).connect(analyser);
  const samples = new Uint8Array(analyser.fftSize);
  const loudness = () => {
    analyser.getByteTimeDomainData(samples);
    return Math.min(255, 2 * samples.reduce((most, sample) => Math.max(most, Math.abs(sample - 128)), 0));
  };
  return { recorder, stream, sound, loudness };
}

export function Recorder({ done, cancel, fail }: Props) {
  const [lasted, setLasted] = useState(0);
  const heights = useRef<number[]>([]);
  const current = useRef<Recording | undefined>(undefined);
  const isWanted = useRef(false);
  const finish = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    let isOver = false;
    let timer: ReturnType<typeof setInterval> | undefined;
    const end = () => {
      clearInterval(timer);
      current.current?.stream.getTracks().forEach((track) => track.stop());
      if (current.current?.sound.state !== "closed") void current.current?.sound.close();
    };
    begin().then((recording) => {
      current.current = recording;
      if (isOver) return end();
      const { recorder } = recording;
      const chunks: Blob[] = [];
      let since = 0;
      recorder.onstart = () => { since = performance.now(); };
      recorder.ondataavailable = ({ data }) => chunks.push(data);
      recorder.onstop = () => {
        const durationMs = Math.round(performance.now() - since);
        end();
        if (!isWanted.current) return;
        const type = recorder.mimeType.split(";")[0] ?? "audio/webm";
        const name = `voice-note.${type === "audio/mp4" ? "m4a" : type.slice("audio/".length)}`;
        done(new File(chunks, name, { type }), { durationMs, peaks: bars(heights.current, PEAKS).map((height) => Math.round(height * 255)) });
      };
      recorder.start();
      finish.current?.focus();
      timer = setInterval(() => {
        heights.current.push(recording.loudness());
        const ms = performance.now() - since;
        setLasted(ms);
        if (ms > LENGTH_MS_MAX) send();
      }, SAMPLE_MS);
    }).catch((error: unknown) => {
      fail(new Error(reasonOf(error)));
      cancel();
    });
    return () => {
      isOver = true;
      if (current.current?.recorder.state === "recording") current.current.recorder.stop();
      end();
    };
  }, []);
  const send = () => {
    if (current.current?.recorder.state !== "recording") return;
    isWanted.current = true;
    current.current.recorder.stop();
  };
  const recent = heights.current.slice(-60);
  return (
    <div class="compose-row recording" role="group" aria-label="Voice note" onKeyDown={(event) => event.key === "Escape" && (event.preventDefault(), cancel())}>
      <IconButton icon="remove" label="Discard the voice note" onClick={cancel} />
      <span class="dot" aria-hidden="true" />
      <time role="timer" aria-label="Recorded">{durationOf(lasted)}</time>
      <svg class="live" viewBox="0 0 240 32" preserveAspectRatio="xMaxYMid slice" aria-hidden="true">
        {recent.map((height, index) => <rect key={index} x={240 - (recent.length - index) * 4} width="2.6" rx="1.3" y={16 - Math.max(1.5, height / 17)} height={Math.max(3, height / 8.5)} />)}
      </svg>
      <button type="button" ref={finish} class="icon-button send" aria-label="Send the voice note" title="Send the voice note" onClick={send}><Icon name="send" /></button>
    </div>
  );
}
