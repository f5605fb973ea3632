/** Sound in a message: a play button and what it looks like. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { MediaInfo } from "./message.tsx";
import { durationOf, IconButton } from "./parts.tsx";

const BARS = 44;
/** One plays at a time. */
let playing: HTMLAudioElement | undefined;

interface Sound {
  durationMs?: number;
  peaks?: readonly number[];
}

/** Heights as at most so many bars, each the loudest of its part, from 0 to 1. */
export function bars(peaks: readonly number[], count = BARS): number[] {
  const most = Math.max(1, ...peaks);
  const length = Math.min(count, peaks.length);
  return Array.from({ length }, (_, index) => {
    const part = peaks.slice(Math.floor((index * peaks.length) / length), Math.ceil(((index + 1) * peaks.length) / length));
    return Math.max(...part) / most;
  });
}

export function VoiceNote({ address, media, load }: { address: string | undefined; media: MediaInfo; load: () => Promise<Sound | undefined> }) {
  const audio = useRef<HTMLAudioElement>(null);
  const [isPlaying, setPlaying] = useState(false);
  const [part, setPart] = useState(0);
  const [sound, setSound] = useState<Sound>(media);
  const label = media.peaks ? "Voice note" : (media.name ?? "Sound");
  useEffect(() => {
    // Who sent no picture of it: the service makes one.
    if (!media.peaks) void load().then((found) => found && setSound(found)).catch(() => undefined);
  }, []);
  const toggle = () => {
    const { current } = audio;
    if (!current) return;
    if (!current.paused) return current.pause();
    if (playing !== current) playing?.pause();
    playing = current;
    void current.play().catch(() => setPlaying(false));
  };
  // What a recorder of a browser writes does not say how long it is.
  const seconds = (sound.durationMs ?? 0) / 1000 || (Number.isFinite(audio.current?.duration) ? (audio.current?.duration ?? 0) : 0);
  const seek = (to: number) => {
    if (audio.current && seconds > 0) audio.current.currentTime = to * seconds;
    setPart(to);
  };
  const shown = bars(sound.peaks ?? []);
  return (
    <div class="voice" role="group" aria-label={label}>
      <audio
        ref={audio} src={address} preload="metadata" onPlay={() => setPlaying(true)} onPause={() => setPlaying(false)}
        onEnded={() => { setPlaying(false); setPart(0); }}
        onTimeUpdate={(event) => seconds > 0 && setPart(Math.min(1, event.currentTarget.currentTime / seconds))}
      />
      <IconButton icon={isPlaying ? "pause" : "play"} label={isPlaying ? "Pause" : "Play"} class="icon-button round" disabled={!address} onClick={toggle} />
      <div class="wave">
        {shown.length > 0
          ? (
            <svg viewBox={`0 0 ${shown.length * 4} 32`} preserveAspectRatio="none" aria-hidden="true">
              {shown.map((height, index) => <rect key={index} x={index * 4 + 0.5} width="2.6" rx="1.3" y={16 - Math.max(1.5, height * 15)} height={Math.max(3, height * 30)} class={index / shown.length < part ? "played" : ""} />)}
            </svg>
          )
          : <span class="file-name">{media.name ?? "Sound"}</span>}
        <input type="range" min={0} max={1} step={0.01} value={part} aria-label={`Place in ${label.toLowerCase()}`} onInput={(event) => seek(Number(event.currentTarget.value))} />
      </div>
      <time>{durationOf((isPlaying || part > 0 ? part : 1) * seconds * 1000)}</time>
    </div>
  );
}
