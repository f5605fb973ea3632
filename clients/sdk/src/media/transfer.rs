//! To storage and from it. A future that is dropped is a transfer that is cancelled; made again, it goes on where it
//! stopped.

use std::{collections::BTreeMap, path::Path, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::StatusCode;
use reqwest::Method;
use sha2::{Digest, Sha256};
use tidings_protocol::{
    groups::{GroupInfo, GroupUpdate},
    media::{
        MediaCompleted, MediaInfo, MediaState, MultipartPlan, PartWanted, PartsRequest, PartsSigned, PartsThere,
        PresignRequest, Presigned, PreviewInfo, PreviewSizeName, SignedUpload,
    },
};
use tokio::io::AsyncWriteExt;

use super::{
    Attachment, MediaError, MediaFile, Progress, Sealing,
    meter::{Counted, Meter},
    seal::{CHUNK_BYTES, chunks},
};
use crate::{Http, http::encoded, machine::backoff::full_jitter};

/// One request to storage: of a part, over a slow line.
const STORAGE_TIMEOUT: Duration = Duration::from_mins(5);
/// Tries of one request to storage. Each may be made twice with the effect of once.
const TRIES_MAX: u32 = 4;
const RETRY_BASE: Duration = Duration::from_millis(300);
const RETRY_CAP: Duration = Duration::from_secs(5);
/// Bytes that are hashed at a time: those of a part, as the service cuts content.
const PIECE_BYTES: u64 = 8 << 20;
/// Parts that are signed at once, and those of them that are on their way at once.
const PARTS_SIGNED: usize = 8;
const PARTS_AT_ONCE: usize = 3;
/// Chunks that one request reads: 4 MiB.
const CHUNKS_AT_ONCE: u64 = 64;
/// How often it is asked whether an upload was looked at, and for how long.
const LOOKED_AT_TRIES: u32 = 60;
const LOOK_BASE: Duration = Duration::from_millis(100);
/// How often a preview is asked for: a minute and a half.
const PREVIEW_TRIES: u32 = 180;
const LOOK_CAP: Duration = Duration::from_secs(3);

/// What is announced: the whole, and each piece of so many bytes.
struct Hashes {
    whole: String,
    pieces: Vec<String>,
    piece_bytes: u64,
}

impl Http {
    /// Uploads media into a conversation, and waits until it is ready; its handle, for the message. What storage has
    /// of it already is not uploaded again.
    pub async fn upload_media(
        &self,
        conversation: &str,
        file: &MediaFile,
        progress: Progress<'_>,
    ) -> Result<String, MediaError> {
        let hashes = hashes(file, PIECE_BYTES).await?;
        let request = PresignRequest {
            mime: file.wire_mime().to_owned(),
            size: file.wire_bytes(),
            sha256: hashes.whole.clone(),
            conversation_id: conversation.to_owned(),
        };
        let offer: Presigned = self.post("/media/presign", &request).await?;
        let total = file.wire_bytes();
        progress(0, total);
        if offer.status != MediaState::Ready {
            let meter = Meter::default();
            let upload = self.upload_as_offered(&offer, file, &hashes, &meter);
            meter.told(upload, |done| progress(done.min(total), total)).await?;
            self.wait_until_ready(&offer.media_handle).await?;
        }
        progress(total, total);
        Ok(offer.media_handle)
    }

    async fn upload_as_offered(
        &self,
        offer: &Presigned,
        file: &MediaFile,
        hashes: &Hashes,
        meter: &Meter,
    ) -> Result<(), MediaError> {
        if let Some(upload) = &offer.upload {
            let bytes = file.wire_range(0, file.wire_bytes()).await?;
            self.put_to_storage(upload, bytes, meter).await?;
        } else if let Some(plan) = offer.multipart {
            self.upload_parts(&offer.media_handle, file, plan, hashes, meter).await?;
        }
        Ok(())
    }

    async fn upload_parts(
        &self,
        handle: &str,
        file: &MediaFile,
        plan: MultipartPlan,
        hashes: &Hashes,
        meter: &Meter,
    ) -> Result<(), MediaError> {
        let path = format!("/media/{}", encoded(handle));
        let total = file.wire_bytes();
        let span = |number: u32| {
            let from = u64::from(number - 1) * plan.part_bytes;
            (from, (from + plan.part_bytes).min(total))
        };
        let other;
        let hashes = if hashes.piece_bytes == plan.part_bytes {
            hashes
        } else {
            other = self::hashes(file, plan.part_bytes).await?;
            &other
        };
        let there: PartsThere = self.get(&format!("{path}/parts")).await?;
        let mut missing: BTreeMap<u32, &str> =
            (1..=plan.part_count).zip(hashes.pieces.iter().map(String::as_str)).collect();
        for part in &there.parts {
            let is_same = missing.get(&part.number).is_some_and(|sha256| {
                let (from, to) = span(part.number);
                part.size == to - from && (part.sha256.is_empty() || part.sha256 == *sha256)
            });
            if is_same {
                missing.remove(&part.number);
            }
        }
        let left = |missing: &BTreeMap<u32, &str>| missing.keys().map(|n| span(*n).1 - span(*n).0).sum::<u64>();
        meter.add(total - left(&missing));
        while !missing.is_empty() {
            let parts = missing.iter().take(PARTS_SIGNED);
            let parts = parts.map(|(number, sha256)| PartWanted { number: *number, sha256: (*sha256).to_owned() });
            let signed: PartsSigned =
                self.post(&format!("{path}/parts"), &PartsRequest { parts: parts.collect() }).await?;
            let mut uploads = stream::iter(signed.parts.into_iter().map(|part| async move {
                let (from, to) = span(part.number);
                self.put_to_storage(&part.upload, file.wire_range(from, to).await?, meter).await?;
                Ok::<_, MediaError>(part.number)
            }))
            .buffer_unordered(PARTS_AT_ONCE);
            while let Some(number) = uploads.try_next().await? {
                missing.remove(&number);
            }
        }
        let _: MediaCompleted = self.post(&format!("{path}/complete"), &serde_json::json!({})).await?;
        Ok(())
    }

    async fn wait_until_ready(&self, handle: &str) -> Result<(), MediaError> {
        for attempt in 0..LOOKED_AT_TRIES {
            let info = self.media(handle).await?;
            match info.status {
                MediaState::Ready => return Ok(()),
                MediaState::Refused => return Err(MediaError::Refused(info.reason.unwrap_or_default())),
                MediaState::Pending | MediaState::Unknown => {
                    tokio::time::sleep(LOOK_BASE.saturating_mul(1 << attempt.min(5)).min(LOOK_CAP)).await;
                }
            }
        }
        Err(MediaError::NotReady)
    }

    /// What is known of media, and where it can be read for a while.
    pub async fn media(&self, handle: &str) -> Result<MediaInfo, MediaError> {
        Ok(self.get(&format!("/media/{}", encoded(handle))).await?)
    }

    /// The picture of a group, for whoever has a link that lets them in.
    pub async fn picture_by_invite(&self, handle: &str, token: &str) -> Result<MediaInfo, MediaError> {
        Ok(self.get(&format!("/media/{}?invite={}", encoded(handle), encoded(token))).await?)
    }

    /// Uploads a picture for a group and makes it the group's: the content goes as it is, since the service shows it.
    pub async fn set_picture(
        &self,
        group: &str,
        file: &MediaFile,
        progress: Progress<'_>,
    ) -> Result<GroupInfo, MediaError> {
        let handle = self.upload_media(group, file, progress).await?;
        let update = GroupUpdate { avatar: Some(Some(handle)), ..GroupUpdate::default() };
        Ok(self.update_group(group, &update).await?)
    }

    /// A preview of media that is not encrypted. Asked for the first time it is made, and this waits for it.
    pub async fn preview_media(&self, handle: &str, size: PreviewSizeName) -> Result<PreviewInfo, MediaError> {
        let size = match size {
            PreviewSizeName::Small => "small",
            PreviewSizeName::Medium => "medium",
            PreviewSizeName::Large => "large",
        };
        let path = format!("/media/{}/preview?size={size}", encoded(handle));
        for _ in 0..PREVIEW_TRIES {
            let info: PreviewInfo = self.get(&path).await?;
            if info.status != MediaState::Pending {
                return Ok(info);
            }
            let pause = Duration::from_millis(info.retry_after_ms.unwrap_or_default());
            tokio::time::sleep(pause.clamp(LOOK_BASE, LOOK_CAP)).await;
        }
        Err(MediaError::NotReady)
    }

    /// Reads what a preview's address leads to.
    pub async fn read_preview(&self, url: &str) -> Result<Vec<u8>, MediaError> {
        let request = self.storage().get(url).timeout(STORAGE_TIMEOUT);
        let answer = request.send().await.map_err(MediaError::Storage)?;
        if !answer.status().is_success() {
            return Err(rejected(answer).await);
        }
        Ok(answer.bytes().await.map_err(MediaError::Storage)?.to_vec())
    }

    /// Gives up an upload, or media that no message refers to.
    pub async fn abandon_media(&self, handle: &str) -> Result<(), MediaError> {
        self.call(Method::DELETE, &format!("/media/{}", encoded(handle)), None).await?;
        Ok(())
    }

    /// Downloads media into a file. While it is on its way it lies beside it, with `.part` after its name, and a download
    /// that is made again goes on from there.
    pub async fn download_media(
        &self,
        handle: &str,
        attachment: &Attachment,
        to: &Path,
        progress: Progress<'_>,
    ) -> Result<(), MediaError> {
        let mut part = to.as_os_str().to_owned();
        part.push(".part");
        let mut file = tokio::fs::OpenOptions::new().create(true).append(true).open(&part).await?;
        // Whole chunks alone count: the end of an interrupted write may be missing.
        let mut chunk = (file.metadata().await?.len() / CHUNK_BYTES).min(chunks(attachment.size));
        file.set_len(chunk * CHUNK_BYTES).await?;
        progress((chunk * CHUNK_BYTES).min(attachment.size), attachment.size);
        let mut url = None;
        while chunk < chunks(attachment.size) {
            let count = CHUNKS_AT_ONCE.min(chunks(attachment.size) - chunk);
            let bytes = self.read_chunks(handle, attachment, chunk, count, &mut url).await?;
            file.write_all(&bytes).await?;
            chunk += count;
            progress((chunk * CHUNK_BYTES).min(attachment.size), attachment.size);
        }
        file.set_len(attachment.size).await?;
        file.sync_all().await?;
        tokio::fs::rename(part, to).await?;
        Ok(())
    }

    /// Reads some of media, from one byte to before another: a player need not wait for the rest.
    pub async fn read_media(
        &self,
        handle: &str,
        attachment: &Attachment,
        from: u64,
        to: u64,
    ) -> Result<Vec<u8>, MediaError> {
        let to = to.min(attachment.size);
        if from >= to {
            return Ok(Vec::new());
        }
        let first = from / CHUNK_BYTES;
        let count = to.div_ceil(CHUNK_BYTES) - first;
        let bytes = self.read_chunks(handle, attachment, first, count, &mut None).await?;
        let start = usize::try_from(from - first * CHUNK_BYTES).map_err(|_| MediaError::TooLarge)?;
        let end = usize::try_from(to - first * CHUNK_BYTES).map_err(|_| MediaError::TooLarge)?;
        bytes.get(start..end).map(<[u8]>::to_vec).ok_or(MediaError::Damaged)
    }

    /// A run of chunks, opened. The address is asked for where there is none, or it works no longer.
    async fn read_chunks(
        &self,
        handle: &str,
        attachment: &Attachment,
        first: u64,
        count: u64,
        url: &mut Option<String>,
    ) -> Result<Vec<u8>, MediaError> {
        let size = attachment.size;
        let (from, to) = match attachment.sealing {
            Some(_) => Sealing::span(size, first, count),
            None => (first * CHUNK_BYTES, ((first + count) * CHUNK_BYTES).min(size)),
        };
        let mut tries = 0;
        let bytes = loop {
            tries += 1;
            let address = match url {
                Some(address) => address.clone(),
                None => url.insert(self.media(handle).await?.url.ok_or(MediaError::NotReady)?).clone(),
            };
            match self.get_from_storage(&address, from, to).await {
                Ok(bytes) => break bytes,
                Err(MediaError::Rejected { status: 401 | 403, .. }) if tries < TRIES_MAX => *url = None,
                Err(error) if tries < TRIES_MAX && passes(&error) => pause(tries).await,
                Err(error) => return Err(error),
            }
        };
        match &attachment.sealing {
            Some(sealing) => sealing.open(&bytes, first, size),
            None => Ok(bytes),
        }
    }

    async fn get_from_storage(&self, url: &str, from: u64, to: u64) -> Result<Vec<u8>, MediaError> {
        let range = format!("bytes={from}-{}", to - 1);
        let request = self.storage().get(url).timeout(STORAGE_TIMEOUT).header("range", range);
        let answer = request.send().await.map_err(MediaError::Storage)?;
        let status = answer.status();
        if status != StatusCode::PARTIAL_CONTENT && status != StatusCode::OK {
            return Err(rejected(answer).await);
        }
        let bytes = answer.bytes().await.map_err(MediaError::Storage)?;
        // Asked for a part, storage answers a part: a whole would begin elsewhere.
        if bytes.len() as u64 == to - from { Ok(bytes.to_vec()) } else { Err(MediaError::Damaged) }
    }

    async fn put_to_storage(&self, upload: &SignedUpload, bytes: Vec<u8>, meter: &Meter) -> Result<(), MediaError> {
        // Cheap to clone, for another try.
        let bytes = Bytes::from(bytes);
        let mut tries = 0;
        loop {
            tries += 1;
            let attempt = meter.attempt();
            let body = reqwest::Body::wrap(Counted { left: bytes.clone(), attempt: attempt.clone() });
            let mut request = self.storage().put(&upload.url).timeout(STORAGE_TIMEOUT).body(body);
            for (name, value) in &upload.headers {
                request = request.header(name, value);
            }
            let error = match request.send().await {
                Ok(answer) if answer.status().is_success() => return Ok(()),
                Ok(answer) => rejected(answer).await,
                Err(error) => MediaError::Storage(error),
            };
            attempt.take_back();
            if tries == TRIES_MAX || !passes(&error) {
                return Err(error);
            }
            pause(tries).await;
        }
    }
}

async fn rejected(answer: reqwest::Response) -> MediaError {
    let status = answer.status().as_u16();
    let said = answer.text().await.unwrap_or_default().chars().take(300).collect();
    MediaError::Rejected { status, said }
}

/// Whether another try may do better.
fn passes(error: &MediaError) -> bool {
    match error {
        MediaError::Storage(error) => !error.is_builder(),
        MediaError::Rejected { status, .. } => matches!(status, 429 | 500 | 502..=504),
        _ => false,
    }
}

async fn pause(tries: u32) {
    tokio::time::sleep(full_jitter(RETRY_BASE, RETRY_CAP, tries - 1, rand::random())).await;
}

async fn hashes(file: &MediaFile, piece_bytes: u64) -> Result<Hashes, MediaError> {
    let (mut whole, mut pieces, mut from) = (Sha256::new(), Vec::new(), 0);
    while from < file.wire_bytes() {
        let to = (from + piece_bytes).min(file.wire_bytes());
        let bytes = file.wire_range(from, to).await?;
        whole.update(&bytes);
        pieces.push(hex(&Sha256::digest(&bytes)));
        from = to;
    }
    Ok(Hashes { whole: hex(&whole.finalize()), pieces, piece_bytes })
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
