//! Content in object storage, and rows about it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use tidings_domain::{
    ids::{ConversationId, MediaHandle, MessageId, Sequence, Timestamp, UserId},
    limits::MEDIA_REFERENCES_MAX,
    media::{
        Began, Blob, Check, Claim, Claims, Completed, Examined, Marked, Media, MediaRow, MediaStatus, ObjectKey,
        Objects, Part, Piece, PreviewQueue, PreviewRow, Reason, Reference, Signed,
    },
    ports::PortResult,
    timers::Minute,
};

use crate::{World, state::State};

/// Everything that is known of content, and the objects.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    rows: BTreeMap<MediaHandle, MediaRow>,
    checks: BTreeMap<MediaHandle, BTreeSet<Check>>,
    references: BTreeMap<MediaHandle, BTreeMap<String, Reference>>,
    days: BTreeMap<(UserId, u64), u64>,
    watched: BTreeMap<Minute, BTreeSet<MediaHandle>>,
    objects: BTreeMap<ObjectKey, Examined>,
    uploads: BTreeMap<Arc<str>, BTreeMap<u32, Part>>,
    previews: BTreeMap<MediaHandle, PreviewRow>,
    pieces: BTreeMap<String, Vec<u8>>,
    asked: Vec<MediaHandle>,
}

impl Shelf {
    fn own(&mut self, handle: MediaHandle, object: &ObjectKey) -> Option<&mut MediaRow> {
        self.rows.get_mut(&handle).filter(|row| row.object == *object && row.status != MediaStatus::Gone)
    }
}

impl World {
    /// Puts an object into storage, as a client with a signed address does.
    pub fn put_object(&self, object: &ObjectKey, examined: Examined) {
        self.state().shelf.objects.insert(object.clone(), examined);
    }

    /// Puts a part into an upload, as a client with a signed address does.
    pub fn put_part(&self, upload_id: &str, part: Part) {
        if let Some(parts) = self.state().shelf.uploads.get_mut(upload_id) {
            parts.insert(part.number, part);
        }
    }

    /// The objects in storage.
    pub fn objects(&self) -> Vec<ObjectKey> {
        self.state().shelf.objects.keys().cloned().collect()
    }

    /// The names of what was made of objects.
    pub fn pieces(&self) -> Vec<String> {
        self.state().shelf.pieces.keys().cloned().collect()
    }

    /// The previews that were asked for since the last time.
    pub fn take_asked(&self) -> Vec<MediaHandle> {
        std::mem::take(&mut self.state().shelf.asked)
    }

    /// The uploads in parts that are under way.
    pub fn uploads(&self) -> usize {
        self.state().shelf.uploads.len()
    }
}

fn day_total<'a>(state: &'a mut State, user: &UserId, day: u64) -> &'a mut u64 {
    state.shelf.days.entry((user.clone(), day)).or_default()
}

impl Claims for World {
    fn claim<'a>(
        &'a self,
        handle: MediaHandle,
        conversation: &'a ConversationId,
        message: MessageId,
        at: Timestamp,
    ) -> PortResult<'a, Claim> {
        Box::pin(self.call("claim_media", move |state| {
            let shelf = &mut state.shelf;
            let references = shelf.references.entry(handle).or_default();
            if let Some(reference) = references.get_mut(&message.to_string()) {
                reference.claimed_at = at.max(reference.claimed_at);
                return Claim::Done;
            }
            let Some(row) = shelf.rows.get_mut(&handle).filter(|row| row.conversation == *conversation) else {
                return Claim::Nothing;
            };
            if row.status != MediaStatus::Ready {
                return Claim::NotReady(row.status);
            }
            if row.references >= MEDIA_REFERENCES_MAX {
                return Claim::Full;
            }
            row.references += 1;
            let reference = Reference { message, claimed_at: at, place: None, expires_at: None };
            references.insert(message.to_string(), reference);
            Claim::Done
        }))
    }

    fn release(&self, handle: MediaHandle, message: MessageId) -> PortResult<'_, ()> {
        Box::pin(self.call("release_media", move |state| {
            let references = state.shelf.references.entry(handle).or_default();
            if references.remove(&message.to_string()).is_some()
                && let Some(row) = state.shelf.rows.get_mut(&handle)
            {
                row.references -= 1;
            }
        }))
    }

    fn watch(&self, handle: MediaHandle, minute: Minute) -> PortResult<'_, ()> {
        Box::pin(self.call("watch_media", move |state| {
            state.shelf.watched.entry(minute).or_default().insert(handle);
        }))
    }
}

impl Media for World {
    fn find(&self, handle: MediaHandle) -> PortResult<'_, Option<MediaRow>> {
        Box::pin(self.call("find_media", move |state| state.shelf.rows.get(&handle).cloned()))
    }

    fn begin<'a>(&'a self, row: &'a MediaRow, day: u64, day_bytes_max: u64) -> PortResult<'a, Began> {
        Box::pin(self.call("begin_media", move |state| {
            if state.shelf.rows.get(&row.handle).is_some_and(|found| found.status != MediaStatus::Gone) {
                return Began::Exists;
            }
            let total = day_total(state, &row.owner, day);
            if *total + row.blob.size_bytes > day_bytes_max {
                return Began::OverQuota;
            }
            *total += row.blob.size_bytes;
            state.shelf.checks.remove(&row.handle);
            state.shelf.rows.insert(row.handle, row.clone());
            Began::Done
        }))
    }

    fn keep_upload<'a>(
        &'a self,
        handle: MediaHandle,
        object: &'a ObjectKey,
        upload_id: &'a str,
    ) -> PortResult<'a, bool> {
        Box::pin(self.call("keep_upload", move |state| {
            let Some(row) = state.shelf.own(handle, object).filter(|row| row.upload_id.is_none()) else { return false };
            row.upload_id = Some(upload_id.into());
            true
        }))
    }

    fn prolong<'a>(&'a self, handle: MediaHandle, object: &'a ObjectKey, until: Timestamp) -> PortResult<'a, ()> {
        Box::pin(self.call("prolong_media", move |state| {
            if let Some(row) = state.shelf.own(handle, object) {
                row.expires_at = until;
            }
        }))
    }

    fn mark<'a>(
        &'a self,
        handle: MediaHandle,
        object: &'a ObjectKey,
        check: Check,
        needed: &'a [Check],
    ) -> PortResult<'a, Marked> {
        Box::pin(self.call("mark_media", move |state| {
            let shelf = &mut state.shelf;
            let checks = shelf.checks.entry(handle).or_default();
            checks.insert(check);
            let is_all = needed.iter().all(|check| checks.contains(check));
            let Some(row) = shelf.own(handle, object) else { return Marked::Stale };
            if is_all && row.status == MediaStatus::Pending {
                row.status = MediaStatus::Ready;
            }
            Marked::Done(row.status)
        }))
    }

    fn refuse<'a>(&'a self, handle: MediaHandle, object: &'a ObjectKey, why: Reason) -> PortResult<'a, bool> {
        Box::pin(self.call("refuse_media", move |state| {
            let Some(row) = state.shelf.own(handle, object) else { return false };
            row.status = MediaStatus::Refused(why);
            true
        }))
    }

    fn confirm(
        &self,
        handle: MediaHandle,
        message: MessageId,
        place: Sequence,
        expires_at: Option<Timestamp>,
    ) -> PortResult<'_, ()> {
        Box::pin(self.call("confirm_media", move |state| {
            let references = state.shelf.references.entry(handle).or_default();
            if let Some(reference) = references.get_mut(&message.to_string()) {
                (reference.place, reference.expires_at) = (Some(place), expires_at);
            }
        }))
    }

    fn references(
        &self,
        handle: MediaHandle,
        after: Option<MessageId>,
        limit: usize,
    ) -> PortResult<'_, Vec<Reference>> {
        Box::pin(self.call("media_references", move |state| {
            let after = after.map(|message| message.to_string());
            let references = state.shelf.references.get(&handle).into_iter().flatten();
            let rest = references.filter(|(message, _)| after.as_ref().is_none_or(|after| *message > after));
            rest.take(limit).map(|(_, reference)| *reference).collect()
        }))
    }

    fn forget<'a>(&'a self, handle: MediaHandle, object: &'a ObjectKey, _: Timestamp) -> PortResult<'a, bool> {
        Box::pin(self.call("forget_media", move |state| {
            let row = state.shelf.rows.get_mut(&handle);
            match row.filter(|row| row.object == *object && row.references == 0) {
                Some(row) => {
                    row.status = MediaStatus::Gone;
                    true
                }
                None => false,
            }
        }))
    }

    fn find_preview(&self, handle: MediaHandle) -> PortResult<'_, Option<PreviewRow>> {
        Box::pin(self.call("find_preview", move |state| state.shelf.previews.get(&handle).cloned()))
    }

    fn keep_preview<'a>(
        &'a self,
        handle: MediaHandle,
        row: &'a PreviewRow,
        expected: Option<u64>,
    ) -> PortResult<'a, bool> {
        Box::pin(self.call("keep_preview", move |state| {
            let previews = &mut state.shelf.previews;
            if previews.get(&handle).map(|found| found.version) != expected {
                return false;
            }
            previews.insert(handle, row.clone());
            true
        }))
    }

    fn drop_preview<'a>(&'a self, handle: MediaHandle, object: &'a ObjectKey) -> PortResult<'a, ()> {
        Box::pin(self.call("drop_preview", move |state| {
            if state.shelf.previews.get(&handle).is_some_and(|found| found.object == *object) {
                state.shelf.previews.remove(&handle);
            }
        }))
    }

    fn watched(&self, minute: Minute) -> PortResult<'_, Vec<MediaHandle>> {
        Box::pin(self.call("watched_media", move |state| {
            state.shelf.watched.get(&minute).into_iter().flatten().copied().collect()
        }))
    }

    fn unwatch(&self, handle: MediaHandle, minute: Minute) -> PortResult<'_, ()> {
        Box::pin(self.call("unwatch_media", move |state| {
            if let Some(handles) = state.shelf.watched.get_mut(&minute) {
                handles.remove(&handle);
            }
        }))
    }
}

fn signed(method: &str, object: &ObjectKey, query: &str) -> Signed {
    let url = format!("memory:{}{query}", object.as_str());
    Signed { method: method.into(), url: url.into(), headers: Vec::new() }
}

impl Objects for World {
    fn sign_put<'a>(&'a self, object: &'a ObjectKey, _: &'a Blob) -> PortResult<'a, Signed> {
        // Signing is arithmetic: it calls nobody.
        Box::pin(async move { Ok(signed("PUT", object, "")) })
    }

    fn begin_parts<'a>(&'a self, object: &'a ObjectKey, _: &'a Blob) -> PortResult<'a, Arc<str>> {
        Box::pin(self.call("begin_parts", move |state| {
            let id: Arc<str> = format!("{}?{}", object.as_str(), state.shelf.uploads.len()).into();
            state.shelf.uploads.insert(id.clone(), BTreeMap::new());
            id
        }))
    }

    fn sign_part<'a>(
        &'a self,
        object: &'a ObjectKey,
        _: &'a str,
        number: u32,
        _: u64,
        _: &'a str,
    ) -> PortResult<'a, Signed> {
        Box::pin(async move { Ok(signed("PUT", object, &format!("?{number}"))) })
    }

    fn parts<'a>(&'a self, _: &'a ObjectKey, upload_id: &'a str) -> PortResult<'a, Option<Vec<Part>>> {
        Box::pin(self.call("parts", move |state| {
            state.shelf.uploads.get(upload_id).map(|parts| parts.values().cloned().collect())
        }))
    }

    fn complete<'a>(
        &'a self,
        object: &'a ObjectKey,
        upload_id: &'a str,
        parts: &'a [Part],
    ) -> PortResult<'a, Completed> {
        Box::pin(self.call("complete_parts", move |state| {
            if state.shelf.uploads.remove(upload_id).is_none() {
                return Completed::NoUpload;
            }
            let examined = Examined {
                size_bytes: parts.iter().map(|part| part.size_bytes).sum(),
                sha256: parts.first().map(|part| part.sha256.to_string()).unwrap_or_default(),
                looks: tidings_domain::media::Looks::Unknown,
            };
            state.shelf.objects.insert(object.clone(), examined);
            Completed::Done
        }))
    }

    fn abort<'a>(&'a self, _: &'a ObjectKey, upload_id: &'a str) -> PortResult<'a, ()> {
        Box::pin(self.call("abort_parts", move |state| {
            state.shelf.uploads.remove(upload_id);
        }))
    }

    fn sign_get<'a>(
        &'a self,
        object: &'a ObjectKey,
        _: &'a str,
        _: Timestamp,
        _: Timestamp,
    ) -> PortResult<'a, Arc<str>> {
        Box::pin(async move { Ok(signed("GET", object, "").url) })
    }

    fn examine<'a>(&'a self, object: &'a ObjectKey) -> PortResult<'a, Option<Examined>> {
        Box::pin(self.call("examine_object", move |state| state.shelf.objects.get(object).cloned()))
    }

    fn remove<'a>(&'a self, object: &'a ObjectKey) -> PortResult<'a, ()> {
        Box::pin(self.call("remove_object", move |state| {
            state.shelf.objects.remove(object);
        }))
    }

    /// Objects have no bytes here, but as many zeros as they say.
    fn read<'a>(&'a self, object: &'a ObjectKey, _: u64) -> PortResult<'a, Option<Vec<u8>>> {
        Box::pin(self.call("read_object", move |state| {
            let bytes = |examined: &Examined| vec![0; usize::try_from(examined.size_bytes).unwrap_or_default()];
            state.shelf.objects.get(object).map(bytes)
        }))
    }

    fn put_piece<'a>(&'a self, object: &'a ObjectKey, piece: Piece, bytes: Vec<u8>) -> PortResult<'a, ()> {
        Box::pin(self.call("put_piece", move |state| {
            state.shelf.pieces.insert(piece.key(object), bytes.clone());
        }))
    }

    fn sign_piece<'a>(
        &'a self,
        object: &'a ObjectKey,
        piece: Piece,
        _: Timestamp,
        _: Timestamp,
    ) -> PortResult<'a, Arc<str>> {
        Box::pin(async move { Ok(format!("memory:{}", piece.key(object)).into()) })
    }

    fn remove_pieces<'a>(&'a self, object: &'a ObjectKey) -> PortResult<'a, ()> {
        Box::pin(self.call("remove_pieces", move |state| {
            for piece in Piece::ALL {
                state.shelf.pieces.remove(&piece.key(object));
            }
        }))
    }
}

impl PreviewQueue for World {
    fn ask(&self, handle: MediaHandle) -> PortResult<'_, ()> {
        Box::pin(self.call("ask_preview", move |state| state.shelf.asked.push(handle)))
    }
}
