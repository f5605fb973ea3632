//! Whom a user has blocked. For now a block stops the pushes of what the other sends, and nothing else.

use thiserror::Error;

use crate::{
    ids::{Timestamp, UserId},
    limits::{BLOCKS_MAX, BLOCKS_PAGE_MAX},
    ports::{Clock, Rules, Unavailable},
};

/// A user who is blocked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Who.
    pub user: UserId,
    /// Since when.
    pub since: Timestamp,
}

/// A page of blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockPage {
    /// The blocks, by name.
    pub blocks: Vec<Block>,
    /// Whether there is more.
    pub has_more: bool,
}

/// Why a user is not blocked.
#[derive(Debug, Error)]
pub enum BlockError {
    /// Nobody blocks themselves.
    #[error("must be another user")]
    Oneself,
    /// The user has blocked as many as they may.
    #[error("at most {BLOCKS_MAX}")]
    Full,
    /// The world did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Blocks a user. Blocked already, all is well. Calls at the same moment may exceed the limit by their number.
pub async fn block(rules: &dyn Rules, clock: &dyn Clock, user: &UserId, other: &UserId) -> Result<(), BlockError> {
    if user == other {
        return Err(BlockError::Oneself);
    }
    let all = rules.blocks(user, None, BLOCKS_MAX).await?;
    if all.iter().any(|block| block.user == *other) {
        return Ok(());
    }
    if all.len() >= BLOCKS_MAX {
        return Err(BlockError::Full);
    }
    Ok(rules.block(user, other, clock.now()).await?)
}

/// Whom a user has blocked, by name, after one.
pub async fn list(
    rules: &dyn Rules,
    user: &UserId,
    after: Option<&UserId>,
    limit: usize,
) -> Result<BlockPage, Unavailable> {
    let limit = limit.clamp(1, BLOCKS_PAGE_MAX);
    let mut blocks = rules.blocks(user, after, limit + 1).await?;
    let has_more = blocks.len() > limit;
    blocks.truncate(limit);
    Ok(BlockPage { blocks, has_more })
}
