//! `tidings media`: send a file, and get it.
//!
//! It is encrypted here, under a key that travels in the message. What was interrupted goes on where it stopped, by
//! the same command.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tidings_sdk::{
    Draft, chain,
    media::{Attachment, MediaError, MediaFile, Sealing},
    protocol::{
        Kind, MessageSent, Payload,
        media::{MediaState, PreviewSizeName},
    },
};

use tidings_secure::{Events, SecureClient};

use crate::{
    commands::{
        message::{kept, numbered},
        send::deliver,
    },
    failure::{Failure, Result},
    names, output,
    service::ServiceArgs,
};

/// How long a message waits for its conversation.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Send a file.
    Send {
        /// A user, or a conversation id.
        to: String,
        /// The file.
        file: PathBuf,
        /// Words to go with it.
        #[arg(long, default_value = "")]
        text: String,
        /// Its type, where its name does not tell.
        #[arg(long)]
        mime: Option<String>,
        /// Do not encrypt the file: the service can look into it, and show it small.
        #[arg(long)]
        plain: bool,
        /// Do not encrypt the message either, for whoever has no keys.
        #[arg(long)]
        clear: bool,
        /// Print the answer as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Have the service show the file of the message of a number small; it can where the file was sent with `--plain`.
    Preview {
        /// A user, or a conversation id.
        of: String,
        /// The number of the message.
        number: u64,
        /// How large.
        #[arg(long, default_value = "medium")]
        size: Size,
        /// Where to put the picture, or the sound.
        #[arg(long)]
        to: Option<PathBuf>,
        /// Print the answer as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Get the file of the message of a number.
    Get {
        /// A user, or a conversation id.
        of: String,
        /// The number of the message.
        number: u64,
        /// Where to; a folder, or a name. The default is its own name, in this folder.
        #[arg(long)]
        to: Option<PathBuf>,
    },
}

pub(crate) async fn run(service: &ServiceArgs, args: Args) -> Result<()> {
    let work = async {
        match args.action {
            Action::Send { to, file, text, mime, plain, clear, json } => {
                let wanted = Wanted { to, file, text, mime, is_plain: plain, is_clear: clear, as_json: json };
                send(service, &wanted).await
            }
            Action::Preview { of, number, size, to, json } => {
                preview(service, (&of, number), size, to.as_deref(), json).await
            }
            Action::Get { of, number, to } => get(service, &of, number, to).await,
        }
    };
    tokio::select! {
        done = work => done,
        _ = tokio::signal::ctrl_c() => Err(
            Failure::new("cancelled").with_help("the same command goes on where it stopped")
        ),
    }
}

struct Wanted {
    to: String,
    file: PathBuf,
    text: String,
    mime: Option<String>,
    is_plain: bool,
    is_clear: bool,
    as_json: bool,
}

async fn send(service: &ServiceArgs, wanted: &Wanted) -> Result<()> {
    let service = service.find()?;
    let conversation = names::conversation(&service.user, &wanted.to)?;
    let (client, mut events) = service.start().await?;
    let sent = upload(&client, &mut events, &conversation, wanted).await;
    client.close().await;
    let (handle, sent) = sent?;
    if wanted.as_json {
        return output::json(&json!({ "mediaHandle": handle, "sent": sent }));
    }
    output::line(&format!("sent: number {} of {conversation}", sent.sequence))
}

/// Uploads the file and sends the message; the handle, and the answer.
async fn upload(
    client: &SecureClient,
    events: &mut Events,
    conversation: &str,
    wanted: &Wanted,
) -> Result<(String, MessageSent)> {
    let http = client.http();
    let begun = if wanted.is_plain { None } else { Some(Begun::of(&wanted.file, conversation)?) };
    let sealing = begun.as_ref().map(|begun| begun.sealing.clone());
    let file = MediaFile::open(&wanted.file, wanted.mime.as_deref(), sealing).await?;
    let bar = Bar::new();
    let handle = http.upload_media(conversation, &file, &|done, total| bar.at(done, total)).await?;
    bar.0.finish_and_clear();
    let payload = json!({ "text": wanted.text, "media": file.attachment() });
    let draft = Draft::payload(Payload::of(&payload)).kind(kind_of(&file.attachment().mime)).media_handle(&handle);
    let sent = deliver(client, events, conversation, draft, wanted.is_clear, PATIENCE).await?;
    if begun.is_some() {
        Begun::done(&wanted.file);
    }
    Ok((handle, sent))
}

async fn get(service: &ServiceArgs, of: &str, number: u64, to: Option<PathBuf>) -> Result<()> {
    let service = service.find()?;
    let conversation = names::conversation(&service.user, of)?;
    let (client, _) = service.start().await?;
    let got = download(&client, &conversation, number, to).await;
    client.close().await;
    output::line(&got?.display().to_string())
}

async fn download(client: &SecureClient, conversation: &str, number: u64, to: Option<PathBuf>) -> Result<PathBuf> {
    client.catch_up().await?;
    let message = kept(client, conversation, number).await?;
    let handle =
        message.media_handle.as_deref().ok_or_else(|| Failure::new(format!("number {number} has no media")))?;
    let attachment = attachment_of(message.payload.text())
        .ok_or_else(|| Failure::new(format!("number {number} does not say what its media is")))?;
    let path = match to {
        Some(path) if path.is_dir() => path.join(attachment.safe_name()),
        Some(path) => path,
        None => PathBuf::from(attachment.safe_name()),
    };
    if path.exists() {
        return Err(Failure::new(format!("{} is there already", path.display())).with_help("name another with --to"));
    }
    let bar = Bar::new();
    client.http().download_media(handle, &attachment, &path, &|done, total| bar.at(done, total)).await?;
    bar.0.finish_and_clear();
    Ok(path)
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Size {
    Small,
    Medium,
    Large,
}

impl From<Size> for PreviewSizeName {
    fn from(size: Size) -> Self {
        match size {
            Size::Small => Self::Small,
            Size::Medium => Self::Medium,
            Size::Large => Self::Large,
        }
    }
}

async fn preview(
    service: &ServiceArgs,
    (of, number): (&str, u64),
    size: Size,
    to: Option<&Path>,
    as_json: bool,
) -> Result<()> {
    let service = service.find()?;
    let conversation = names::conversation(&service.user, of)?;
    let http = service.http("media").await?;
    let message = numbered(&http, &conversation, number).await?;
    let handle =
        message.media_handle.as_deref().ok_or_else(|| Failure::new(format!("number {number} has no media")))?;
    let found = http.preview_media(handle, size.into()).await?;
    if as_json {
        output::json(&found)?;
    }
    if found.status != MediaState::Ready {
        let why = found.reason.unwrap_or_default();
        return if as_json { Ok(()) } else { Err(Failure::new(format!("there is no preview: {why}"))) };
    }
    if let Some(to) = to {
        let url = found.picture.as_ref().map(|picture| &picture.url).or(found.playable.as_ref().map(|form| &form.url));
        let url = url.ok_or_else(|| Failure::new("there is nothing to show or to play"))?;
        fs::write(to, http.read_preview(url).await?)
            .map_err(|error| Failure::new(format!("{} cannot be written: {error}", to.display())))?;
    }
    if as_json {
        return Ok(());
    }
    let size = found.picture.map(|picture| format!("{} by {} pixels", picture.width, picture.height));
    let length = found.duration_ms.map(|ms| format!("{}.{} s", ms / 1000, ms % 1000 / 100));
    let facts: Vec<String> = [size, length, to.map(|to| to.display().to_string())].into_iter().flatten().collect();
    output::line(&facts.join("  "))
}

fn attachment_of(payload: &str) -> Option<Attachment> {
    #[derive(Deserialize)]
    struct WithMedia {
        media: Attachment,
    }
    serde_json::from_str::<WithMedia>(payload).ok().map(|payload| payload.media)
}

fn kind_of(mime: &str) -> Kind {
    match mime.split('/').next() {
        Some("image") => Kind::Image,
        Some("audio") => Kind::Audio,
        Some("video") => Kind::Video,
        _ => Kind::Doc,
    }
}

/// The key of an upload that has begun, kept beside the file until it is sent: under another key it would be another upload.
#[derive(Serialize, Deserialize)]
struct Begun {
    conversation: String,
    size: u64,
    modified_ms: u128,
    sealing: Sealing,
}

impl Begun {
    fn of(file: &Path, conversation: &str) -> Result<Self> {
        let about = fs::metadata(file).map_err(|error| unreadable(file, &error))?;
        let modified = about.modified().map_err(|error| unreadable(file, &error))?;
        let modified_ms = modified.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_millis();
        let path = Self::path(file);
        let kept = fs::read_to_string(&path).ok().and_then(|text| serde_json::from_str::<Self>(&text).ok());
        let is_same = |kept: &Self| {
            kept.conversation == conversation && kept.size == about.len() && kept.modified_ms == modified_ms
        };
        if let Some(kept) = kept.filter(is_same) {
            return Ok(kept);
        }
        let begun =
            Self { conversation: conversation.to_owned(), size: about.len(), modified_ms, sealing: Sealing::new() };
        let text = serde_json::to_string(&begun).map_err(|error| Failure::new(format!("cannot write: {error}")))?;
        // A folder that cannot be written to is no reason not to send: the upload then begins anew, once interrupted.
        if let Err(error) = fs::write(&path, text) {
            output::note(&format!("{} cannot be written: {error}", path.display()));
        }
        Ok(begun)
    }

    fn path(file: &Path) -> PathBuf {
        let mut name = file.as_os_str().to_owned();
        name.push(".tidings-upload");
        name.into()
    }

    fn done(file: &Path) {
        // It may never have been written.
        let _ = fs::remove_file(Self::path(file));
    }
}

fn unreadable(file: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("{} cannot be read: {error}", file.display()))
}

impl From<MediaError> for Failure {
    fn from(error: MediaError) -> Self {
        match error {
            MediaError::Service(error) => error.into(),
            MediaError::Storage(_) => Self::new(chain(&error)).with_help("the same command goes on where it stopped"),
            _ => Self::new(chain(&error)),
        }
    }
}

/// How much of it is through, on a terminal.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) =
            ProgressStyle::with_template("{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left")
        {
            bar.set_style(style);
        }
        Self(bar)
    }

    fn at(&self, done: u64, total: u64) {
        self.0.set_length(total);
        self.0.set_position(done);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_an_upload_is_kept_until_the_file_is_another() {
        let folder = std::env::temp_dir().join(format!("tidings-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("cat.bin");
        fs::write(&file, "one").unwrap();
        let first = Begun::of(&file, "g:1").unwrap();
        assert_eq!(Begun::of(&file, "g:1").unwrap().sealing, first.sealing);
        assert_ne!(Begun::of(&file, "g:2").unwrap().sealing, first.sealing, "another conversation");
        let second = Begun::of(&file, "g:1").unwrap();
        fs::write(&file, "another").unwrap();
        assert_ne!(Begun::of(&file, "g:1").unwrap().sealing, second.sealing, "another content");
        Begun::done(&file);
        assert!(!Begun::path(&file).exists());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_payload_without_media_has_none() {
        assert_eq!(attachment_of(r#"{"text":"hi"}"#), None);
        assert_eq!(attachment_of("7"), None);
        let good = r#"{"text":"","media":{"v":1,"mime":"text/plain","size":3}}"#;
        assert_eq!(attachment_of(good).map(|attachment| attachment.size), Some(3));
    }
}
