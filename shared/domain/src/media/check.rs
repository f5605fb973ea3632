//! What was uploaded, looked at: is it what was announced, and is anything in it.

use tracing::info;

use super::{
    Check, Examined, Marked, Media, MediaRow, MediaStatus, ObjectKey, Objects, Reason, preview::remove_preview,
};
use crate::ports::Unavailable;

/// What looking at objects needs of the world.
#[derive(Clone, Copy)]
pub struct CheckPorts<'a> {
    /// Rows about content.
    pub media: &'a dyn Media,
    /// Objects.
    pub objects: &'a dyn Objects,
    /// Content is ready only after a scan has found nothing in it.
    pub needs_scan: bool,
}

/// What a scan says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It found nothing.
    Clean,
    /// It found something.
    Threats,
    /// It was not possible.
    Unscanned,
}

impl CheckPorts<'_> {
    fn needed(&self) -> &'static [Check] {
        if self.needs_scan { &[Check::Verified, Check::Clean] } else { &[Check::Verified] }
    }
}

/// Looks at an object that storage says it has. May be repeated and come late.
pub async fn check(ports: CheckPorts<'_>, key: &str) -> Result<(), Unavailable> {
    let Some((object, row)) = row_of(ports, key).await? else { return Ok(()) };
    // Nothing can write to it once it is ready but the same bytes again.
    if row.status != MediaStatus::Pending {
        return Ok(());
    }
    let Some(examined) = ports.objects.examine(&object).await? else { return Ok(()) };
    match fault(&row, &examined) {
        Some(reason) => refuse(ports, &row, &object, reason).await,
        None => mark(ports, &row, &object, Check::Verified).await,
    }
}

/// Takes note of what a scan says of an object. May be repeated and come late.
pub async fn judge(ports: CheckPorts<'_>, key: &str, verdict: Verdict) -> Result<(), Unavailable> {
    let Some((object, row)) = row_of(ports, key).await? else { return Ok(()) };
    match verdict {
        Verdict::Clean => mark(ports, &row, &object, Check::Clean).await,
        Verdict::Threats => refuse(ports, &row, &object, Reason::Malware).await,
        Verdict::Unscanned if ports.needs_scan => refuse(ports, &row, &object, Reason::Unscanned).await,
        Verdict::Unscanned => Ok(()),
    }
}

/// The row whose object this is. An object that is nobody's is taken away: an address for its upload was used
/// after the content had gone, or been refused.
async fn row_of(ports: CheckPorts<'_>, key: &str) -> Result<Option<(ObjectKey, MediaRow)>, Unavailable> {
    let Some((object, handle)) = ObjectKey::parse(key) else { return Ok(None) };
    let row = ports.media.find(handle).await?;
    let is_alive =
        |row: &MediaRow| row.object == object && matches!(row.status, MediaStatus::Pending | MediaStatus::Ready);
    if let Some(row) = row.filter(is_alive) {
        return Ok(Some((object, row)));
    }
    ports.objects.remove(&object).await?;
    Ok(None)
}

fn fault(row: &MediaRow, examined: &Examined) -> Option<Reason> {
    if examined.size_bytes != row.blob.size_bytes {
        return Some(Reason::Size);
    }
    if examined.sha256 != *row.blob.sha256 {
        return Some(Reason::Hash);
    }
    (!row.blob.mime.may_look(&examined.looks)).then_some(Reason::Mime)
}

async fn mark(ports: CheckPorts<'_>, row: &MediaRow, object: &ObjectKey, check: Check) -> Result<(), Unavailable> {
    match ports.media.mark(row.handle, object, check, ports.needed()).await? {
        Marked::Done(_) => Ok(()),
        Marked::Stale => ports.objects.remove(object).await,
    }
}

/// The row first: what is refused must not be ready while its object goes.
async fn refuse(ports: CheckPorts<'_>, row: &MediaRow, object: &ObjectKey, why: Reason) -> Result<(), Unavailable> {
    info!(handle = %row.handle, owner = %row.owner, %why, "media refused");
    ports.media.refuse(row.handle, object, why).await?;
    remove_preview(ports.media, ports.objects, row.handle, object).await?;
    ports.objects.remove(object).await
}
