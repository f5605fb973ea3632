//! What is sent: a file, or what was made of it.

use std::{
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{
    MediaError, Preview, Sealing,
    picture::prepare,
    seal::{CHUNK_BYTES, usize_of},
};

/// The type of sealed content, for the service.
const SEALED_MIME: &str = "application/octet-stream";
/// Pictures are read whole, to take notes out of them; larger ones the service does not take.
const PICTURE_BYTES_MAX: u64 = 32 << 20;

/// What the payload of a message says of its media, for readers: the service does not look into it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attachment {
    /// The form of this: 1.
    pub v: u32,
    /// The name of the file, without its folder. Who saves it checks it: another client may say anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The type of the content.
    pub mime: String,
    /// Its size, in bytes, before it was sealed.
    pub size: u64,
    /// What to show until it has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<Preview>,
    /// The key, where it is sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealing: Option<Sealing>,
    /// Bytes in a chunk, where it is sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunk_bytes: Option<u64>,
}

impl Attachment {
    /// A name to save it by, in the folder where it is saved: nothing that leads out of it, and nothing hidden.
    pub fn safe_name(&self) -> String {
        let name = self.name.as_deref().unwrap_or_default();
        let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
        let clean: String = last.chars().filter(|c| !c.is_control() && !r#"<>:"|?*"#.contains(*c)).take(100).collect();
        let clean = clean.trim_matches(['.', ' ']);
        if clean.is_empty() { "media".into() } else { clean.into() }
    }
}

#[derive(Clone, Debug)]
enum Content {
    Bytes(Arc<[u8]>),
    File(PathBuf),
}

/// Media to be sent. Opened again with the same [`Sealing`], it is the same upload.
#[derive(Clone, Debug)]
pub struct MediaFile {
    content: Content,
    attachment: Attachment,
}

impl MediaFile {
    /// Opens a file: of a picture, notes are taken out (where, when and by what it was taken) and a preview is made.
    /// Its type is told by its name where it is not given. Without a sealing it is sent as it is, for
    /// the service to see.
    pub async fn open(
        path: impl Into<PathBuf>,
        mime: Option<&str>,
        sealing: Option<Sealing>,
    ) -> Result<Self, MediaError> {
        let path = path.into();
        let mime = mime.unwrap_or_else(|| mime_of(&path)).to_owned();
        blocking(move || Self::read(path, mime, sealing)).await
    }

    fn read(path: PathBuf, mime: String, sealing: Option<Sealing>) -> Result<Self, MediaError> {
        let size = std::fs::metadata(&path)?.len();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        if !mime.starts_with("image/") || size > PICTURE_BYTES_MAX {
            return Self::new(Content::File(path), size, mime, name, None, sealing);
        }
        let (bytes, preview) = prepare(std::fs::read(&path)?, &mime)?;
        let size = bytes.len() as u64;
        Self::new(Content::Bytes(bytes.into()), size, mime, name, preview, sealing)
    }

    fn new(
        content: Content,
        size: u64,
        mime: String,
        name: Option<String>,
        preview: Option<Preview>,
        sealing: Option<Sealing>,
    ) -> Result<Self, MediaError> {
        if size == 0 {
            return Err(MediaError::Empty);
        }
        let chunk_bytes = sealing.as_ref().map(|_| CHUNK_BYTES);
        Ok(Self { content, attachment: Attachment { v: 1, name, mime, size, preview, sealing, chunk_bytes } })
    }

    /// What the payload of the message is to say of it.
    pub fn attachment(&self) -> &Attachment {
        &self.attachment
    }

    /// Its type, as the service is told.
    pub(super) fn wire_mime(&self) -> &str {
        if self.attachment.sealing.is_some() { SEALED_MIME } else { &self.attachment.mime }
    }

    /// Its size as it is uploaded, in bytes.
    pub(super) fn wire_bytes(&self) -> u64 {
        let plain = self.attachment.size;
        if self.attachment.sealing.is_some() { Sealing::sealed_bytes(plain) } else { plain }
    }

    /// Bytes as they are uploaded, from one to before another.
    pub(super) async fn wire_range(&self, from: u64, to: u64) -> Result<Vec<u8>, MediaError> {
        let this = self.clone();
        blocking(move || {
            let plain = this.attachment.size;
            let read = |from, to| this.plain_range(from, to);
            match &this.attachment.sealing {
                Some(sealing) => sealing.sealed_range(plain, from, to, read),
                None => read(from, to),
            }
        })
        .await
    }

    fn plain_range(&self, from: u64, to: u64) -> Result<Vec<u8>, MediaError> {
        match &self.content {
            Content::Bytes(bytes) => {
                bytes.get(usize_of(from)..usize_of(to)).map(<[u8]>::to_vec).ok_or(MediaError::Changed)
            }
            Content::File(path) => {
                let mut file = std::fs::File::open(path)?;
                file.seek(SeekFrom::Start(from))?;
                let mut bytes = Vec::with_capacity(usize_of(to - from));
                file.take(to - from).read_to_end(&mut bytes)?;
                if bytes.len() as u64 == to - from { Ok(bytes) } else { Err(MediaError::Changed) }
            }
        }
    }
}

/// Runs what reads files or computes for long where it holds nobody up.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, MediaError> + Send + 'static,
) -> Result<T, MediaError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(std::io::Error::other(error).into()))
}

/// The type of a file by its name; of what is not known, that of any bytes.
fn mime_of(path: &Path) -> &'static str {
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    match extension.as_str() {
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "heic" => "image/heic",
        "avif" => "image/avif",
        "mp3" => "audio/mpeg",
        "m4a" => "audio/mp4",
        "ogg" | "oga" | "opus" => "audio/ogg",
        "wav" => "audio/wav",
        "flac" => "audio/flac",
        "aac" => "audio/aac",
        "mp4" | "m4v" => "video/mp4",
        "webm" => "video/webm",
        "mov" => "video/quicktime",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        "txt" => "text/plain",
        _ => SEALED_MIME,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_nowhere_else() {
        for (name, expected) in [
            ("cat.jpg", "cat.jpg"),
            ("../../etc/passwd", "passwd"),
            (r"C:\Windows\system32\evil.dll", "evil.dll"),
            ("/etc/cron.d/x", "x"),
            ("..", "media"),
            (".bashrc", "bashrc"),
            ("a\u{0}b\n.txt", "ab.txt"),
            ("", "media"),
        ] {
            let attachment = Attachment {
                v: 1,
                name: Some(name.into()),
                mime: "text/plain".into(),
                size: 1,
                preview: None,
                sealing: None,
                chunk_bytes: None,
            };
            assert_eq!(attachment.safe_name(), expected, "{name}");
        }
    }
}
