//! The abuse table: what users report, what is to be proved of it, and what administrators do.
//!
//! | `pk` | `sk` | |
//! |---|---|---|
//! | `c#` and the conversation | sequence | a commitment: `mi` message, `u` `d` sender, `ts`, `h` hashes |
//! | `r#` and the day | moment, `#`, nonce | a report: `by`, `u` `d` of whom, `c` `sq` `mi` of what, `st` sent at, `g` ground, `cm` comment, `p` content, `pt` plaintext; `vb` `va` `vn` what became of it |
//! | `u#` and a user | `r#` and a reporter | that they have reported the user |
//! | `a#` and the day | moment, `#`, nonce | a deed of an administrator: `by`, `do`, `to`, `cm` |
//! | `k` | name | a key of an administrator: `h` hash, `by`, `un` until |
//!
//! `exp` (TTL) ends each.

use std::collections::HashMap;

use aws_sdk_dynamodb::{Client, primitives::Blob, types::AttributeValue};
use tidings_domain::{
    ids::{ConversationId, DeviceId, MessageId, Sender, Sequence, Timestamp, UserId},
    limits::{AUDIT_MS, REPORT_MS, REPORTER_MS},
    moderation::{AdminKey, Deed, Filed, Moderation},
    ports::{PortResult, Unavailable},
    reports::{Commitment, Commitments, Ground, Report, Reports, Resolution},
    strangers::Reporters,
};

use crate::{
    StoreError,
    error::{delete_held, failed, put_if, update_held},
    item::{Item, n, number, optional_number, optional_text, s, text},
};

const DAY_MS: u64 = 24 * 3600 * 1000;
const REPORTER: &str = "r#";
/// The sign after `#`: no reporter is above it.
const AFTER_REPORTERS: &str = "r$";
const KEYS: &str = "k";
/// Keys of administrators that are read at most.
const KEYS_MAX: i32 = 100;

/// Reports, commitments and deeds in a table.
#[derive(Clone, Debug)]
pub struct DynamoAbuse {
    client: Client,
    table: String,
}

impl DynamoAbuse {
    /// What is in this table.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    async fn put(&self, row: Item, operation: &'static str) -> Result<(), Unavailable> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(row));
        put.send().await.map(|_| ()).map_err(failed(operation))
    }

    async fn keep_commitment(
        &self,
        conversation: &ConversationId,
        sequence: Sequence,
        commitment: &Commitment,
        until: Timestamp,
    ) -> Result<(), Unavailable> {
        let mut row = key(commitment_key(conversation), place(sequence));
        row.insert("mi".into(), s(commitment.message.to_string()));
        row.insert("u".into(), s(commitment.sender.user.as_str()));
        row.insert("d".into(), s(commitment.sender.device.as_str()));
        row.insert("ts".into(), n(commitment.ts.0));
        let hashes = commitment.hashes.iter().map(|hash| Blob::new(hash.to_vec()));
        row.insert("h".into(), AttributeValue::Bs(hashes.collect()));
        row.insert("exp".into(), n(until.as_seconds()));
        let put = self.client.put_item().table_name(&self.table).set_item(Some(row));
        let put = put.condition_expression("attribute_not_exists(pk)").send().await;
        put_if(put.map(|_| ()), "keep a commitment")
    }

    async fn kept_commitment(
        &self,
        conversation: &ConversationId,
        sequence: Sequence,
        now: Timestamp,
    ) -> Result<Option<Commitment>, Unavailable> {
        const OPERATION: &str = "read a commitment";
        let get = self.client.get_item().table_name(&self.table);
        let get = get.set_key(Some(key(commitment_key(conversation), place(sequence)))).consistent_read(true);
        let Some(row) = get.send().await.map_err(failed(OPERATION))?.item else { return Ok(None) };
        // The table forgets late.
        if number(&row, "exp").map_err(failed(OPERATION))? <= now.as_seconds() {
            return Ok(None);
        }
        commitment_of(&row).map(Some).map_err(failed(OPERATION))
    }

    /// That the reporter has reported is noted first: it counts, whatever becomes of the rest.
    async fn put_report(&self, report: &Report) -> Result<(), Unavailable> {
        const OPERATION: &str = "keep a report";
        let mut reporter = key(user_key(&report.of.user), format!("{REPORTER}{}", report.by));
        reporter.insert("exp".into(), n(report.at.plus_ms(REPORTER_MS).as_seconds()));
        self.put(reporter, OPERATION).await?;
        let filed = Filed { at: report.at, nonce: report.nonce };
        let mut row = key(day_key("r#", report.at), filed_key(filed));
        row.insert("by".into(), s(report.by.as_str()));
        row.insert("u".into(), s(report.of.user.as_str()));
        row.insert("d".into(), s(report.of.device.as_str()));
        row.insert("c".into(), s(report.conversation.to_string()));
        row.insert("sq".into(), n(report.sequence.0));
        row.insert("mi".into(), s(report.message.to_string()));
        row.insert("st".into(), n(report.sent_at.0));
        row.insert("g".into(), s(report.ground.name()));
        for (name, words) in [("cm", &report.comment), ("p", &report.content), ("pt", &report.plaintext)] {
            if let Some(words) = words {
                row.insert(name.into(), s(words.as_ref()));
            }
        }
        row.insert("exp".into(), n(report.at.plus_ms(REPORT_MS).as_seconds()));
        self.put(row, OPERATION).await
    }

    async fn count_reporters(&self, of: &UserId, up_to: usize) -> Result<usize, Unavailable> {
        const OPERATION: &str = "count who has reported a user";
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
            .expression_attribute_values(":pk", s(user_key(of)))
            .expression_attribute_values(":from", s(REPORTER))
            .expression_attribute_values(":to", s(AFTER_REPORTERS))
            .limit(i32::try_from(up_to).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(failed(OPERATION))?;
        Ok(usize::try_from(answer.count).unwrap_or_default())
    }

    async fn put_deed(&self, deed: &Deed) -> Result<(), Unavailable> {
        let mut row = key(day_key("a#", deed.at), filed_key(Filed { at: deed.at, nonce: deed.nonce }));
        for (name, words) in [("by", &deed.by), ("do", &deed.action), ("to", &deed.subject), ("cm", &deed.detail)] {
            row.insert(name.into(), s(words.as_ref()));
        }
        row.insert("exp".into(), n(deed.at.plus_ms(AUDIT_MS).as_seconds()));
        self.put(row, "write down what an administrator does").await
    }

    async fn of_day<T>(
        &self,
        kind: &str,
        day: Timestamp,
        before: Option<Filed>,
        limit: usize,
        read: impl Fn(&Item) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, Unavailable> {
        const OPERATION: &str = "read what was filed on a day";
        let query = self.client.query().table_name(&self.table).scan_index_forward(false).consistent_read(true);
        let query = query.expression_attribute_values(":pk", s(day_key(kind, day)));
        let query = match before {
            None => query.key_condition_expression("pk = :pk"),
            Some(before) => query
                .key_condition_expression("pk = :pk AND sk < :before")
                .expression_attribute_values(":before", s(filed_key(before))),
        };
        let answer = query.limit(i32::try_from(limit).unwrap_or(i32::MAX)).send().await.map_err(failed(OPERATION))?;
        let rows = answer.items.unwrap_or_default();
        rows.iter().map(|row| read(row).map_err(failed(OPERATION))).collect()
    }

    async fn note_resolution(&self, report: Filed, resolution: &Resolution) -> Result<bool, Unavailable> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(day_key("r#", report.at), filed_key(report))))
            .update_expression("SET vb = :by, va = :at, vn = :note")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":by", s(resolution.by.as_ref()))
            .expression_attribute_values(":at", n(resolution.at.0))
            .expression_attribute_values(":note", s(resolution.note.as_ref()));
        update_held(update, "resolve a report").await
    }

    async fn keep_key(&self, admin_key: &AdminKey) -> Result<(), Unavailable> {
        let mut row = key(KEYS, admin_key.name.as_ref());
        row.insert("h".into(), AttributeValue::B(Blob::new(admin_key.hash.to_vec())));
        row.insert("by".into(), s(admin_key.by.as_ref()));
        row.insert("un".into(), n(admin_key.until.0));
        row.insert("exp".into(), n(admin_key.until.as_seconds()));
        self.put(row, "keep a key of an administrator").await
    }

    async fn read_key(&self, name: &str, now: Timestamp) -> Result<Option<AdminKey>, Unavailable> {
        const OPERATION: &str = "read a key of an administrator";
        let get = self.client.get_item().table_name(&self.table).set_key(Some(key(KEYS, name))).consistent_read(true);
        let row = get.send().await.map_err(failed(OPERATION))?.item;
        let found = row.as_ref().map(key_of).transpose().map_err(failed(OPERATION))?;
        Ok(found.filter(|found| found.until > now))
    }

    async fn read_keys(&self, now: Timestamp) -> Result<Vec<AdminKey>, Unavailable> {
        const OPERATION: &str = "read the keys of administrators";
        let query = self.client.query().table_name(&self.table).key_condition_expression("pk = :pk");
        let query = query.expression_attribute_values(":pk", s(KEYS)).consistent_read(true).limit(KEYS_MAX);
        let rows = query.send().await.map_err(failed(OPERATION))?.items.unwrap_or_default();
        let keys = rows.iter().map(key_of).collect::<Result<Vec<_>, _>>().map_err(failed(OPERATION))?;
        Ok(keys.into_iter().filter(|found| found.until > now).collect())
    }

    async fn forget_key(&self, name: &str) -> Result<bool, Unavailable> {
        let delete = self.client.delete_item().table_name(&self.table).set_key(Some(key(KEYS, name)));
        delete_held(delete.condition_expression("attribute_exists(pk)"), "forget a key of an administrator").await
    }
}

fn key(pk: impl Into<String>, sk: impl Into<String>) -> Item {
    HashMap::from([("pk".to_owned(), s(pk)), ("sk".to_owned(), s(sk))])
}

fn commitment_key(conversation: &ConversationId) -> String {
    format!("c#{conversation}")
}

fn user_key(user: &UserId) -> String {
    format!("u#{user}")
}

fn place(sequence: Sequence) -> String {
    format!("{:013}", sequence.0)
}

fn day_key(kind: &str, at: Timestamp) -> String {
    format!("{kind}{}", at.0 / DAY_MS)
}

fn filed_key(filed: Filed) -> String {
    format!("{:016}#{:010}", filed.at.0, filed.nonce)
}

fn filed_of(row: &Item) -> Result<Filed, StoreError> {
    let sk = text(row, "sk")?;
    let (at, nonce) = sk.split_once('#').ok_or(StoreError::Attribute("sk"))?;
    let number = |digits: &str| digits.parse().map_err(|_| StoreError::Attribute("sk"));
    Ok(Filed { at: Timestamp(number(at)?), nonce: number(nonce)? })
}

fn hash_in(bytes: &[u8]) -> Result<[u8; 32], StoreError> {
    bytes.try_into().map_err(|_| StoreError::Attribute("h"))
}

fn sender_of(row: &Item) -> Result<Sender, StoreError> {
    Ok(Sender { user: UserId::parse(text(row, "u")?)?, device: DeviceId::parse(text(row, "d")?)? })
}

fn commitment_of(row: &Item) -> Result<Commitment, StoreError> {
    let Some(AttributeValue::Bs(hashes)) = row.get("h") else { return Err(StoreError::Attribute("h")) };
    Ok(Commitment {
        message: MessageId::parse(text(row, "mi")?)?,
        sender: sender_of(row)?,
        ts: Timestamp(number(row, "ts")?),
        hashes: hashes.iter().map(|hash| hash_in(hash.as_ref())).collect::<Result<_, _>>()?,
    })
}

fn report_of(row: &Item) -> Result<Report, StoreError> {
    let Filed { at, nonce } = filed_of(row)?;
    let words = |name| Ok::<_, StoreError>(optional_text(row, name)?.map(Into::into));
    let resolution = match optional_number(row, "va")? {
        None => None,
        Some(at) => Some(Resolution { by: text(row, "vb")?.into(), at: Timestamp(at), note: text(row, "vn")?.into() }),
    };
    Ok(Report {
        at,
        nonce,
        by: UserId::parse(text(row, "by")?)?,
        of: sender_of(row)?,
        conversation: ConversationId::parse(text(row, "c")?)?,
        sequence: Sequence(number(row, "sq")?),
        message: MessageId::parse(text(row, "mi")?)?,
        sent_at: Timestamp(number(row, "st")?),
        ground: Ground::parse(text(row, "g")?).ok_or(StoreError::Attribute("g"))?,
        comment: words("cm")?,
        content: words("p")?,
        plaintext: words("pt")?,
        resolution,
    })
}

fn deed_of(row: &Item) -> Result<Deed, StoreError> {
    let Filed { at, nonce } = filed_of(row)?;
    let words = |name| Ok::<_, StoreError>(text(row, name)?.into());
    Ok(Deed { at, nonce, by: words("by")?, action: words("do")?, subject: words("to")?, detail: words("cm")? })
}

fn key_of(row: &Item) -> Result<AdminKey, StoreError> {
    let Some(AttributeValue::B(hash)) = row.get("h") else { return Err(StoreError::Attribute("h")) };
    Ok(AdminKey {
        name: text(row, "sk")?.into(),
        hash: hash_in(hash.as_ref())?,
        by: text(row, "by")?.into(),
        until: Timestamp(number(row, "un")?),
    })
}

impl Commitments for DynamoAbuse {
    fn keep<'a>(
        &'a self,
        conversation: &'a ConversationId,
        sequence: Sequence,
        commitment: &'a Commitment,
        until: Timestamp,
    ) -> PortResult<'a, ()> {
        Box::pin(self.keep_commitment(conversation, sequence, commitment, until))
    }

    fn kept<'a>(
        &'a self,
        conversation: &'a ConversationId,
        sequence: Sequence,
        now: Timestamp,
    ) -> PortResult<'a, Option<Commitment>> {
        Box::pin(self.kept_commitment(conversation, sequence, now))
    }
}

impl Reports for DynamoAbuse {
    fn put<'a>(&'a self, report: &'a Report) -> PortResult<'a, ()> {
        Box::pin(self.put_report(report))
    }
}

impl Reporters for DynamoAbuse {
    fn reporters<'a>(&'a self, of: &'a UserId, up_to: usize) -> PortResult<'a, usize> {
        Box::pin(self.count_reporters(of, up_to))
    }
}

impl Moderation for DynamoAbuse {
    fn note<'a>(&'a self, deed: &'a Deed) -> PortResult<'a, ()> {
        Box::pin(self.put_deed(deed))
    }

    fn deeds(&self, day: Timestamp, before: Option<Filed>, limit: usize) -> PortResult<'_, Vec<Deed>> {
        Box::pin(self.of_day("a#", day, before, limit, deed_of))
    }

    fn reports(&self, day: Timestamp, before: Option<Filed>, limit: usize) -> PortResult<'_, Vec<Report>> {
        Box::pin(self.of_day("r#", day, before, limit, report_of))
    }

    fn resolve<'a>(&'a self, report: Filed, resolution: &'a Resolution) -> PortResult<'a, bool> {
        Box::pin(self.note_resolution(report, resolution))
    }

    fn put_key<'a>(&'a self, key: &'a AdminKey) -> PortResult<'a, ()> {
        Box::pin(self.keep_key(key))
    }

    fn key<'a>(&'a self, name: &'a str, now: Timestamp) -> PortResult<'a, Option<AdminKey>> {
        Box::pin(self.read_key(name, now))
    }

    fn keys(&self, now: Timestamp) -> PortResult<'_, Vec<AdminKey>> {
        Box::pin(self.read_keys(now))
    }

    fn drop_key<'a>(&'a self, name: &'a str) -> PortResult<'a, bool> {
        Box::pin(self.forget_key(name))
    }
}
