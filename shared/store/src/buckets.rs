//! Token buckets: `bk` is a limit and its subject; `fa` the moment, in microseconds, at which the bucket is full again.
//! A bucket without a row is full, so a row goes by TTL (`exp`) some time after it is.

use aws_sdk_dynamodb::{
    Client,
    operation::update_item::UpdateItemError,
    types::{ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use tidings_domain::{
    ids::Timestamp,
    ports::{PortResult, Unavailable},
    rate::{Buckets, Charge, Charged, micros},
};

use crate::{
    StoreError,
    error::failed,
    item::{Item, n, number, s},
};

const OPERATION: &str = "charge a bucket";
/// A charge is tried so often while others charge the same bucket.
const ATTEMPTS_MAX: u32 = 4;
/// A row outlives the moment of being full by so long, in seconds: charges without a ceiling may move that on further than they
/// can say.
const KEPT_SECONDS: u64 = 3600;

/// Token buckets in a table.
#[derive(Clone, Debug)]
pub struct DynamoBuckets {
    client: Client,
    table: String,
}

/// How a charge was answered.
enum Answer {
    Done(u64),
    /// The condition does not hold: the row, if there is one.
    Not(Option<u64>),
}

impl DynamoBuckets {
    /// The buckets in this table.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    /// One write where the guess is right: a bucket that was full is begun again from now, and another is moved on from where it
    /// is. Both are single steps, so no charge of another function is lost.
    async fn move_on(&self, charge: &Charge, now: Timestamp) -> Result<Charged, Unavailable> {
        let mut seen_us = charge.seen_us;
        for _ in 0..ATTEMPTS_MAX {
            match self.try_move(charge, seen_us, now).await? {
                Answer::Done(full_at_us) => return Ok(Charged::Taken(full_at_us)),
                Answer::Not(row) => seen_us = row.unwrap_or_default(),
            }
            let ahead_us = seen_us.saturating_sub(micros(now));
            if charge.ceiling_us.is_some_and(|ceiling| ahead_us > ceiling) {
                return Ok(Charged::Refused(seen_us));
            }
        }
        Err(failed(OPERATION)(StoreError::Contended))
    }

    async fn try_move(&self, charge: &Charge, seen_us: u64, now: Timestamp) -> Result<Answer, Unavailable> {
        let now_us = micros(now);
        let full_at_us = seen_us.max(now_us).saturating_add(charge.cost_us);
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("bk", s(&charge.bucket))
            .expression_attribute_names("#exp", "exp")
            .expression_attribute_values(":exp", n((full_at_us / 1_000_000).saturating_add(KEPT_SECONDS)))
            .expression_attribute_values(":now", n(now_us))
            .return_values(ReturnValue::UpdatedNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let update = if seen_us > now_us {
            let update = update
                .update_expression("SET fa = fa + :cost, #exp = :exp")
                .expression_attribute_values(":cost", n(charge.cost_us));
            match charge.ceiling_us {
                Some(ceiling) => update
                    .condition_expression("fa BETWEEN :now AND :ceiling")
                    .expression_attribute_values(":ceiling", n(now_us.saturating_add(ceiling))),
                None => update.condition_expression("fa >= :now"),
            }
        } else {
            update
                .update_expression("SET fa = :full, #exp = :exp")
                .condition_expression("attribute_not_exists(fa) OR fa <= :now")
                .expression_attribute_values(":full", n(full_at_us))
        };
        let read = |item: &Item| number(item, "fa").map_err(failed(OPERATION));
        match update.send().await {
            Ok(answer) => Ok(Answer::Done(answer.attributes.as_ref().map(read).transpose()?.unwrap_or(full_at_us))),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                    Ok(Answer::Not(refused.item().map(read).transpose()?))
                }
                _ => Err(failed(OPERATION)(error)),
            },
        }
    }
}

impl Buckets for DynamoBuckets {
    fn charge<'a>(&'a self, charge: &'a Charge, now: Timestamp) -> PortResult<'a, Charged> {
        Box::pin(self.move_on(charge, now))
    }
}
