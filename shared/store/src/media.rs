//! The media table.
//!
//! | `mid` | `sk` | what |
//! |---|---|---|
//! | a handle | `h` | the content: `c` conversation, `u` owner, `mt` `sz` `sh` type, size, SHA-256, `st` state, `rs` why refused, `ob` object, `up` upload in parts, `xp` until when, `n` references, `mk` checks; `exp` TTL once it is gone |
//! | a handle | `p` | its preview: `ob` object, `st` state, `rs` why refused, `at` tries, `ch` changed, `ve` version, `pi` pictures (size, width, height, bytes), `du` duration in ms, `pk` heights of the waveform, `pb` bytes of the playable form |
//! | a handle | `r#MESSAGE` | a message that refers to it: `ca` when it claimed it, `sq` its place, `xm` when its life ends |
//! | `q#USER#DAY` | `q` | `b` bytes of a user in a day; `exp` TTL |
//!
//! What is to be looked at is in the timers table: `m#MINUTE`, and the handle.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    Client,
    operation::put_item::PutItemError,
    types::{AttributeValue, Delete, Put, ReturnValue, TransactWriteItem, Update},
};
use tidings_domain::{
    ids::{ConversationId, MediaHandle, MessageId, Sequence, Timestamp, UserId},
    limits::MEDIA_REFERENCES_MAX,
    media::{
        Began, Blob, Check, Claim, Claims, Made, Marked, Media, MediaRow, MediaStatus, MediaType, ObjectKey, Picture,
        PreviewFault, PreviewRow, PreviewSize, PreviewState, Reason, Reference,
    },
    ports::{PortResult, Unavailable},
    timers::Minute,
};

use crate::{
    StoreError,
    error::{delete_held, failed, is_refused, transact, update_if},
    item::{Item, list, n, number, optional_list, optional_number, optional_text, s, text},
    timers::rows_of_minute,
};

const HEAD: &str = "h";
const REFERENCE_PREFIX: &str = "r#";
/// What is gone is remembered for so long, in seconds: addresses that were signed before are over by then.
const GONE_SECONDS: u64 = 7 * 24 * 3600;
/// The count of a day is kept for so long, in days.
const QUOTA_DAYS: u64 = 2;
const DAY_SECONDS: u64 = 24 * 3600;

/// Rows about media, in a table; and, in the table of timers, what is to be looked at.
#[derive(Clone, Debug)]
pub struct DynamoMedia {
    client: Client,
    table: String,
    timers: String,
}

impl DynamoMedia {
    /// The rows in this table.
    pub fn new(client: Client, table: impl Into<String>, timers: impl Into<String>) -> Self {
        Self { client, table: table.into(), timers: timers.into() }
    }

    async fn head(&self, handle: MediaHandle) -> Result<Option<MediaRow>, Unavailable> {
        const OPERATION: &str = "read media";
        let get = self.client.get_item().table_name(&self.table).set_key(Some(head_key(handle)));
        let item = get.consistent_read(true).send().await.map_err(failed(OPERATION))?.item;
        item.as_ref().map(|item| row_of(item, handle)).transpose().map_err(failed(OPERATION))
    }

    /// A change of the head whose object is still this one; none where it is not.
    async fn change(
        &self,
        handle: MediaHandle,
        object: &ObjectKey,
        change: Change<'_>,
        operation: &'static str,
    ) -> Result<Option<Item>, Unavailable> {
        let mut update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(head_key(handle)))
            .condition_expression(format!("#ob = :ob AND {}", change.condition))
            .update_expression(change.update)
            .expression_attribute_names("#ob", "ob")
            .expression_attribute_values(":ob", s(object.as_str()))
            .return_values(ReturnValue::AllNew);
        for (name, attribute) in change.names {
            update = update.expression_attribute_names(*name, *attribute);
        }
        for (name, value) in change.values {
            update = update.expression_attribute_values(name, value);
        }
        match update.send().await {
            Ok(answer) => Ok(answer.attributes),
            Err(error) if is_refused(&error) => Ok(None),
            Err(error) => Err(failed(operation)(error)),
        }
    }

    async fn put_new(&self, row: &MediaRow, day: u64, day_bytes_max: u64) -> Result<Began, Unavailable> {
        const OPERATION: &str = "begin an upload";
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(item_of(row)))
            .condition_expression("attribute_not_exists(#mid) OR #st = :gone")
            .expression_attribute_names("#mid", "mid")
            .expression_attribute_names("#st", "st")
            .expression_attribute_values(":gone", s(GONE));
        let left = day_bytes_max.saturating_sub(row.blob.size_bytes);
        let count = Update::builder()
            .table_name(&self.table)
            .set_key(Some(key(format!("q#{}#{day}", row.owner), "q")))
            .condition_expression("attribute_not_exists(#b) OR #b <= :left")
            .update_expression("ADD #b :size SET #exp = :exp")
            .expression_attribute_names("#b", "b")
            .expression_attribute_names("#exp", "exp")
            .expression_attribute_values(":left", n(left))
            .expression_attribute_values(":size", n(row.blob.size_bytes))
            .expression_attribute_values(":exp", n((day + QUOTA_DAYS) * DAY_SECONDS));
        let items = vec![
            TransactWriteItem::builder().put(put.build().map_err(failed(OPERATION))?).build(),
            TransactWriteItem::builder().update(count.build().map_err(failed(OPERATION))?).build(),
        ];
        Ok(match transact(&self.client, items, OPERATION).await? {
            Ok(()) => Began::Done,
            Err(cancelled) if matches!(cancelled.first_refused(), None | Some(0)) => Began::Exists,
            Err(_) => Began::OverQuota,
        })
    }

    async fn refer(
        &self,
        handle: MediaHandle,
        conversation: &ConversationId,
        message: MessageId,
        at: Timestamp,
    ) -> Result<Claim, Unavailable> {
        const OPERATION: &str = "claim media";
        let mut reference = reference_key(handle, message);
        reference.insert("ca".into(), n(at.0));
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(reference))
            .condition_expression("attribute_not_exists(#mid)")
            .expression_attribute_names("#mid", "mid");
        let count = Update::builder()
            .table_name(&self.table)
            .set_key(Some(head_key(handle)))
            .condition_expression("#c = :c AND #st = :ready AND #n < :max")
            .update_expression("ADD #n :one")
            .expression_attribute_names("#c", "c")
            .expression_attribute_names("#st", "st")
            .expression_attribute_names("#n", "n")
            .expression_attribute_values(":c", s(conversation.to_string()))
            .expression_attribute_values(":ready", s(READY))
            .expression_attribute_values(":max", n(MEDIA_REFERENCES_MAX))
            .expression_attribute_values(":one", n(1));
        let items = vec![
            TransactWriteItem::builder().put(put.build().map_err(failed(OPERATION))?).build(),
            TransactWriteItem::builder().update(count.build().map_err(failed(OPERATION))?).build(),
        ];
        let Err(cancelled) = transact(&self.client, items, OPERATION).await? else { return Ok(Claim::Done) };
        match cancelled.first_refused() {
            Some(0) => self.claim_again(handle, message, at).await,
            // Another message refers to the same media at this moment: whoever asked comes again, and sees it.
            None => Err(failed(OPERATION)(cancelled)),
            Some(_) => Ok(match self.head(handle).await?.filter(|row| row.conversation == *conversation) {
                None => Claim::Nothing,
                Some(row) if row.status == MediaStatus::Ready => Claim::Full,
                Some(row) => Claim::NotReady(row.status),
            }),
        }
    }

    /// The message has claimed it before: of the two times the later counts.
    async fn claim_again(&self, handle: MediaHandle, message: MessageId, at: Timestamp) -> Result<Claim, Unavailable> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(reference_key(handle, message)))
            .condition_expression("#ca < :ca")
            .update_expression("SET #ca = :ca")
            .expression_attribute_names("#ca", "ca")
            .expression_attribute_values(":ca", n(at.0));
        update_if(update.send().await.map(drop), "claim media again")?;
        Ok(Claim::Done)
    }

    async fn let_go(&self, handle: MediaHandle, message: MessageId) -> Result<(), Unavailable> {
        const OPERATION: &str = "release media";
        let delete = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(reference_key(handle, message)))
            .condition_expression("attribute_exists(#mid)")
            .expression_attribute_names("#mid", "mid");
        let count = Update::builder()
            .table_name(&self.table)
            .set_key(Some(head_key(handle)))
            .condition_expression("attribute_exists(#mid)")
            .update_expression("ADD #n :less")
            .expression_attribute_names("#mid", "mid")
            .expression_attribute_names("#n", "n")
            .expression_attribute_values(":less", AttributeValue::N("-1".into()));
        let items = vec![
            TransactWriteItem::builder().delete(delete.build().map_err(failed(OPERATION))?).build(),
            TransactWriteItem::builder().update(count.build().map_err(failed(OPERATION))?).build(),
        ];
        match transact(&self.client, items, OPERATION).await? {
            Err(cancelled) if cancelled.first_refused().is_none() => Err(failed(OPERATION)(cancelled)),
            // Refused: it was released before.
            _ => Ok(()),
        }
    }
}

struct Change<'a> {
    condition: &'a str,
    update: &'a str,
    names: &'a [(&'a str, &'a str)],
    values: Vec<(&'a str, AttributeValue)>,
}

impl Claims for DynamoMedia {
    fn claim<'a>(
        &'a self,
        handle: MediaHandle,
        conversation: &'a ConversationId,
        message: MessageId,
        at: Timestamp,
    ) -> PortResult<'a, Claim> {
        Box::pin(self.refer(handle, conversation, message, at))
    }

    fn release(&self, handle: MediaHandle, message: MessageId) -> PortResult<'_, ()> {
        Box::pin(self.let_go(handle, message))
    }

    fn watch(&self, handle: MediaHandle, minute: Minute) -> PortResult<'_, ()> {
        Box::pin(async move {
            let put = self.client.put_item().table_name(&self.timers).set_item(Some(watch_key(handle, minute)));
            put.send().await.map_err(failed("file media to be looked at")).map(drop)
        })
    }
}

impl Media for DynamoMedia {
    fn find(&self, handle: MediaHandle) -> PortResult<'_, Option<MediaRow>> {
        Box::pin(self.head(handle))
    }

    fn begin<'a>(&'a self, row: &'a MediaRow, day: u64, day_bytes_max: u64) -> PortResult<'a, Began> {
        Box::pin(self.put_new(row, day, day_bytes_max))
    }

    fn keep_upload<'a>(
        &'a self,
        handle: MediaHandle,
        object: &'a ObjectKey,
        upload_id: &'a str,
    ) -> PortResult<'a, bool> {
        let change = Change {
            condition: "#st = :pending AND attribute_not_exists(#up)",
            update: "SET #up = :up",
            names: &[("#st", "st"), ("#up", "up")],
            values: vec![(":pending", s(PENDING)), (":up", s(upload_id))],
        };
        Box::pin(async move { Ok(self.change(handle, object, change, "keep an upload in parts").await?.is_some()) })
    }

    fn prolong<'a>(&'a self, handle: MediaHandle, object: &'a ObjectKey, until: Timestamp) -> PortResult<'a, ()> {
        let change = Change {
            condition: "#st <> :gone",
            update: "SET #xp = :xp",
            names: &[("#st", "st"), ("#xp", "xp")],
            values: vec![(":gone", s(GONE)), (":xp", n(until.0))],
        };
        Box::pin(async move { self.change(handle, object, change, "prolong an upload").await.map(drop) })
    }

    fn mark<'a>(
        &'a self,
        handle: MediaHandle,
        object: &'a ObjectKey,
        check: Check,
        needed: &'a [Check],
    ) -> PortResult<'a, Marked> {
        const OPERATION: &str = "note a check of media";
        Box::pin(async move {
            let note = Change {
                condition: "#st <> :gone",
                update: "ADD #mk :mk",
                names: &[("#st", "st"), ("#mk", "mk")],
                values: vec![(":gone", s(GONE)), (":mk", AttributeValue::Ss(vec![check_name(check).into()]))],
            };
            let Some(item) = self.change(handle, object, note, OPERATION).await? else { return Ok(Marked::Stale) };
            let noted = item.get("mk").and_then(|value| value.as_ss().ok());
            let is_all = needed.iter().all(|c| noted.is_some_and(|noted| noted.iter().any(|m| m == check_name(*c))));
            let status = status_of(&item).map_err(failed(OPERATION))?;
            if !is_all || status != MediaStatus::Pending {
                return Ok(Marked::Done(status));
            }
            let ready = Change {
                condition: "#st = :pending",
                update: "SET #st = :ready",
                names: &[("#st", "st")],
                values: vec![(":pending", s(PENDING)), (":ready", s(READY))],
            };
            match self.change(handle, object, ready, OPERATION).await? {
                Some(_) => Ok(Marked::Done(MediaStatus::Ready)),
                // Refused, gone or made ready meanwhile.
                None => match self.head(handle).await?.filter(|row| row.object == *object) {
                    Some(row) if row.status != MediaStatus::Gone => Ok(Marked::Done(row.status)),
                    _ => Ok(Marked::Stale),
                },
            }
        })
    }

    fn refuse<'a>(&'a self, handle: MediaHandle, object: &'a ObjectKey, why: Reason) -> PortResult<'a, bool> {
        let change = Change {
            condition: "#st <> :gone",
            update: "SET #st = :refused, #rs = :rs",
            names: &[("#st", "st"), ("#rs", "rs")],
            values: vec![(":gone", s(GONE)), (":refused", s(REFUSED_STATE)), (":rs", s(why.name()))],
        };
        Box::pin(async move { Ok(self.change(handle, object, change, "refuse media").await?.is_some()) })
    }

    fn confirm(
        &self,
        handle: MediaHandle,
        message: MessageId,
        place: Sequence,
        expires_at: Option<Timestamp>,
    ) -> PortResult<'_, ()> {
        Box::pin(async move {
            let mut update = self
                .client
                .update_item()
                .table_name(&self.table)
                .set_key(Some(reference_key(handle, message)))
                .condition_expression("attribute_exists(#mid)")
                .expression_attribute_names("#mid", "mid")
                .expression_attribute_names("#sq", "sq")
                .expression_attribute_values(":sq", n(place.0));
            let mut set = "SET #sq = :sq".to_owned();
            if let Some(expires_at) = expires_at {
                set += ", #xm = :xm";
                update =
                    update.expression_attribute_names("#xm", "xm").expression_attribute_values(":xm", n(expires_at.0));
            }
            update_if(update.update_expression(set).send().await.map(drop), "confirm a reference to media")
        })
    }

    fn references(
        &self,
        handle: MediaHandle,
        after: Option<MessageId>,
        limit: usize,
    ) -> PortResult<'_, Vec<Reference>> {
        const OPERATION: &str = "read references to media";
        Box::pin(async move {
            let start = after.map_or_else(|| REFERENCE_PREFIX.to_owned(), |id| format!("{REFERENCE_PREFIX}{id}\u{0}"));
            let answer = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("#mid = :mid AND #sk BETWEEN :start AND :end")
                .expression_attribute_names("#mid", "mid")
                .expression_attribute_names("#sk", "sk")
                .expression_attribute_values(":mid", s(handle.to_string()))
                .expression_attribute_values(":start", s(start))
                // The sign after `#`: after every name that begins so.
                .expression_attribute_values(":end", s("r$"))
                .consistent_read(true)
                .limit(i32::try_from(limit).unwrap_or(i32::MAX))
                .send()
                .await
                .map_err(failed(OPERATION))?;
            let items = answer.items.unwrap_or_default();
            items.iter().map(|item| reference_of(item).map_err(failed(OPERATION))).collect()
        })
    }

    fn forget<'a>(&'a self, handle: MediaHandle, object: &'a ObjectKey, now: Timestamp) -> PortResult<'a, bool> {
        let change = Change {
            condition: "#n = :none",
            update: "SET #st = :gone, #exp = :exp",
            names: &[("#n", "n"), ("#st", "st"), ("#exp", "exp")],
            values: vec![(":none", n(0)), (":gone", s(GONE)), (":exp", n(now.as_seconds() + GONE_SECONDS))],
        };
        Box::pin(async move { Ok(self.change(handle, object, change, "forget media").await?.is_some()) })
    }

    fn find_preview(&self, handle: MediaHandle) -> PortResult<'_, Option<PreviewRow>> {
        const OPERATION: &str = "read a preview";
        Box::pin(async move {
            let get = self.client.get_item().table_name(&self.table).set_key(Some(preview_key(handle)));
            let item = get.consistent_read(true).send().await.map_err(failed(OPERATION))?.item;
            item.as_ref().map(preview_of).transpose().map_err(failed(OPERATION))
        })
    }

    fn keep_preview<'a>(
        &'a self,
        handle: MediaHandle,
        row: &'a PreviewRow,
        expected: Option<u64>,
    ) -> PortResult<'a, bool> {
        Box::pin(async move {
            let put = self.client.put_item().table_name(&self.table).set_item(Some(preview_item(handle, row)));
            let put = match expected {
                Some(version) => put
                    .condition_expression("#ve = :ve")
                    .expression_attribute_names("#ve", "ve")
                    .expression_attribute_values(":ve", n(version)),
                None => {
                    put.condition_expression("attribute_not_exists(#mid)").expression_attribute_names("#mid", "mid")
                }
            };
            match put.send().await {
                Ok(_) => Ok(true),
                Err(error) => match error.as_service_error() {
                    Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(false),
                    _ => Err(failed("keep a preview")(error)),
                },
            }
        })
    }

    fn drop_preview<'a>(&'a self, handle: MediaHandle, object: &'a ObjectKey) -> PortResult<'a, ()> {
        Box::pin(async move {
            let delete = self
                .client
                .delete_item()
                .table_name(&self.table)
                .set_key(Some(preview_key(handle)))
                .condition_expression("#ob = :ob")
                .expression_attribute_names("#ob", "ob")
                .expression_attribute_values(":ob", s(object.as_str()));
            delete_held(delete, "forget a preview").await.map(drop)
        })
    }

    fn watched(&self, minute: Minute) -> PortResult<'_, Vec<MediaHandle>> {
        const OPERATION: &str = "read media to be looked at";
        Box::pin(async move {
            let items = rows_of_minute(&self.client, &self.timers, minute_partition(minute), OPERATION).await?;
            let handle = |item| Ok::<_, StoreError>(MediaHandle::parse(text(item, "tid")?)?);
            items.iter().map(|item| handle(item).map_err(failed(OPERATION))).collect()
        })
    }

    fn unwatch(&self, handle: MediaHandle, minute: Minute) -> PortResult<'_, ()> {
        Box::pin(async move {
            let delete = self.client.delete_item().table_name(&self.timers).set_key(Some(watch_key(handle, minute)));
            delete.send().await.map_err(failed("take media out of a minute")).map(drop)
        })
    }
}

const PREVIEW: &str = "p";
const QUEUED: &str = "queued";
const MADE: &str = "made";

fn preview_key(handle: MediaHandle) -> Item {
    key(handle.to_string(), PREVIEW)
}

fn preview_item(handle: MediaHandle, row: &PreviewRow) -> Item {
    let mut item = preview_key(handle);
    item.extend([
        ("ob".to_owned(), s(row.object.as_str())),
        ("at".to_owned(), n(u64::from(row.attempts))),
        ("ch".to_owned(), n(row.changed_at.0)),
        ("ve".to_owned(), n(row.version)),
    ]);
    match &row.state {
        PreviewState::Queued => drop(item.insert("st".into(), s(QUEUED))),
        PreviewState::Refused(fault) => {
            item.extend([("st".to_owned(), s(REFUSED_STATE)), ("rs".to_owned(), s(fault.name()))]);
        }
        PreviewState::Made(made) => {
            item.insert("st".into(), s(MADE));
            let picture =
                |Picture { size, width, height, bytes }: &Picture| format!("{} {width} {height} {bytes}", size.name());
            let pictures: Vec<String> = made.pictures.iter().map(picture).collect();
            item.insert("pi".into(), list(pictures.iter().map(String::as_str)));
            item.extend(made.duration_ms.map(|ms| ("du".to_owned(), n(ms))));
            item.extend(made.playable_bytes.map(|bytes| ("pb".to_owned(), n(bytes))));
            if !made.peaks.is_empty() {
                item.insert("pk".into(), AttributeValue::B(made.peaks.to_vec().into()));
            }
        }
    }
    item
}

fn preview_of(item: &Item) -> Result<PreviewRow, StoreError> {
    let (object, _) = ObjectKey::parse(text(item, "ob")?).ok_or(StoreError::Attribute("ob"))?;
    let state = match text(item, "st")? {
        QUEUED => PreviewState::Queued,
        REFUSED_STATE => PreviewState::Refused(PreviewFault::of(text(item, "rs")?).ok_or(StoreError::Attribute("rs"))?),
        MADE => PreviewState::Made(Made {
            pictures: optional_list(item, "pi")?
                .unwrap_or_default()
                .into_iter()
                .map(|text| picture_of(text).ok_or(StoreError::Attribute("pi")))
                .collect::<Result<_, _>>()?,
            duration_ms: optional_number(item, "du")?,
            peaks: item
                .get("pk")
                .and_then(|value| value.as_b().ok())
                .map(|blob| blob.as_ref().into())
                .unwrap_or_default(),
            playable_bytes: optional_number(item, "pb")?,
        }),
        _ => return Err(StoreError::Attribute("st")),
    };
    Ok(PreviewRow {
        object,
        state,
        attempts: u32::try_from(number(item, "at")?).unwrap_or(u32::MAX),
        changed_at: Timestamp(number(item, "ch")?),
        version: number(item, "ve")?,
    })
}

fn picture_of(text: &str) -> Option<Picture> {
    let mut words = text.split(' ');
    let size = PreviewSize::of(words.next()?)?;
    let (width, height) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    Some(Picture { size, width, height, bytes: words.next()?.parse().ok()? })
}

const PENDING: &str = "pending";
const READY: &str = "ready";
const REFUSED_STATE: &str = "refused";
const GONE: &str = "gone";

fn check_name(check: Check) -> &'static str {
    match check {
        Check::Verified => "verified",
        Check::Clean => "clean",
    }
}

fn key(mid: String, sk: &str) -> Item {
    HashMap::from([("mid".to_owned(), s(mid)), ("sk".to_owned(), s(sk))])
}

fn head_key(handle: MediaHandle) -> Item {
    key(handle.to_string(), HEAD)
}

fn reference_key(handle: MediaHandle, message: MessageId) -> Item {
    key(handle.to_string(), &format!("{REFERENCE_PREFIX}{message}"))
}

fn minute_partition(minute: Minute) -> String {
    format!("m#{}", minute.0)
}

fn watch_key(handle: MediaHandle, minute: Minute) -> Item {
    HashMap::from([("min".to_owned(), s(minute_partition(minute))), ("tid".to_owned(), s(handle.to_string()))])
}

fn item_of(row: &MediaRow) -> Item {
    let mut item = head_key(row.handle);
    let (status, reason) = match row.status {
        MediaStatus::Pending => (PENDING, None),
        MediaStatus::Ready => (READY, None),
        MediaStatus::Refused(reason) => (REFUSED_STATE, Some(reason)),
        MediaStatus::Gone => (GONE, None),
    };
    item.extend([
        ("c".to_owned(), s(row.conversation.to_string())),
        ("u".to_owned(), s(row.owner.as_str())),
        ("mt".to_owned(), s(row.blob.mime.name())),
        ("sz".to_owned(), n(row.blob.size_bytes)),
        ("sh".to_owned(), s(row.blob.sha256.as_ref())),
        ("st".to_owned(), s(status)),
        ("ob".to_owned(), s(row.object.as_str())),
        ("xp".to_owned(), n(row.expires_at.0)),
        ("n".to_owned(), n(row.references)),
    ]);
    item.extend(reason.map(|reason| ("rs".to_owned(), s(reason.name()))));
    item.extend(row.upload_id.as_deref().map(|upload_id| ("up".to_owned(), s(upload_id))));
    item
}

fn status_of(item: &Item) -> Result<MediaStatus, StoreError> {
    Ok(match text(item, "st")? {
        PENDING => MediaStatus::Pending,
        READY => MediaStatus::Ready,
        GONE => MediaStatus::Gone,
        REFUSED_STATE => MediaStatus::Refused(Reason::of(text(item, "rs")?).ok_or(StoreError::Attribute("rs"))?),
        _ => return Err(StoreError::Attribute("st")),
    })
}

fn row_of(item: &Item, handle: MediaHandle) -> Result<MediaRow, StoreError> {
    let (object, _) = ObjectKey::parse(text(item, "ob")?).ok_or(StoreError::Attribute("ob"))?;
    Ok(MediaRow {
        handle,
        conversation: ConversationId::parse(text(item, "c")?)?,
        owner: UserId::parse(text(item, "u")?)?,
        blob: Blob {
            mime: MediaType::of(text(item, "mt")?).ok_or(StoreError::Attribute("mt"))?,
            size_bytes: number(item, "sz")?,
            sha256: text(item, "sh")?.into(),
        },
        status: status_of(item)?,
        object,
        upload_id: optional_text(item, "up")?.map(Into::into),
        expires_at: Timestamp(number(item, "xp")?),
        references: number(item, "n")?,
    })
}

fn reference_of(item: &Item) -> Result<Reference, StoreError> {
    let message = text(item, "sk")?.strip_prefix(REFERENCE_PREFIX).ok_or(StoreError::Attribute("sk"))?;
    Ok(Reference {
        message: MessageId::parse(message)?,
        claimed_at: Timestamp(number(item, "ca")?),
        place: optional_number(item, "sq")?.map(Sequence),
        expires_at: optional_number(item, "xm")?.map(Timestamp),
    })
}
