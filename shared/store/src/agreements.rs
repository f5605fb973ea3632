//! Who agrees that the text of a conversation is indexed for search: a flag in each member's row, and in the head whether
//! all do, and how often that was said anew.

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};
use tidings_domain::{
    conversation::{Agreement, activity_bucket},
    ids::{ConversationId, Sequence, Timestamp, UserId},
    ports::Unavailable,
};

use crate::{
    DynamoConversations, StoreError,
    conversations::{HEAD, member_key, row_key},
    error::{failed, transact, update_held},
    item::{n, s},
};

impl DynamoConversations {
    /// The member's row and the head change together, or neither.
    pub(crate) async fn keep_agreement(
        &self,
        conversation: &ConversationId,
        user: &UserId,
        agreement: Agreement,
        now: Timestamp,
    ) -> Result<bool, Unavailable> {
        const OPERATION: &str = "note an agreement";
        let items = self.agreement_items(conversation, user, agreement, now).map_err(failed(OPERATION))?;
        match transact(&self.client, items, OPERATION).await? {
            Ok(()) => Ok(true),
            Err(cancelled) if cancelled.first_refused().is_some() => Ok(false),
            Err(_) => Err(failed(OPERATION)(StoreError::Unprocessed)),
        }
    }

    fn agreement_items(
        &self,
        conversation: &ConversationId,
        user: &UserId,
        agreement: Agreement,
        now: Timestamp,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let row = Update::builder()
            .table_name(&self.table)
            .set_key(Some(row_key(conversation, member_key(user))))
            .expression_attribute_values(":uid", s(user.as_str()))
            .expression_attribute_values(":act", n(activity_bucket(now).0));
        let head = Update::builder()
            .table_name(&self.table)
            .set_key(Some(row_key(conversation, HEAD.to_owned())))
            .expression_attribute_values(":one", n(1));
        let (row, head) = match agreement {
            Agreement::Given => (
                row.update_expression("SET uid = :uid, act = if_not_exists(act, :act), ag = :yes")
                    .expression_attribute_values(":yes", AttributeValue::Bool(true)),
                head.update_expression("ADD av :one"),
            ),
            Agreement::Withdrawn { text_since } => (
                row.update_expression("SET uid = :uid, act = if_not_exists(act, :act) REMOVE ag"),
                head.update_expression("SET ix = :since REMOVE #it ADD av :one")
                    .expression_attribute_names("#it", "it")
                    .expression_attribute_values(":since", n(text_since.0)),
            ),
        };
        let (row, head) = match conversation {
            ConversationId::Direct(..) => (row, head),
            // Rows of a group are made with their members alone.
            ConversationId::Group(_) => {
                (row.condition_expression("attribute_exists(cid)"), head.condition_expression("attribute_exists(cid)"))
            }
        };
        [row, head].into_iter().map(|update| Ok(TransactWriteItem::builder().update(update.build()?).build())).collect()
    }

    pub(crate) async fn let_text_be_indexed(
        &self,
        conversation: &ConversationId,
        version: Sequence,
        agreements: u64,
    ) -> Result<bool, Unavailable> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(row_key(conversation, HEAD.to_owned())))
            .update_expression("SET #it = :yes")
            .expression_attribute_names("#it", "it")
            .expression_attribute_values(":yes", AttributeValue::Bool(true))
            .expression_attribute_values(":av", n(agreements));
        let update = if version == Sequence::ZERO {
            update.condition_expression("av = :av AND attribute_not_exists(mv)")
        } else {
            update.condition_expression("av = :av AND mv = :mv").expression_attribute_values(":mv", n(version.0))
        };
        update_held(update, "let text be indexed").await
    }
}
