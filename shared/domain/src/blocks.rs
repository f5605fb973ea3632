//! Whom a user has blocked, and which strangers they have accepted.
//!
//! A block is in the user's list and, for the conversation of the two, on the user's row there: whoever sends reads both rows of it
//! anyway, so that blocks cost no message anything.

use thiserror::Error;

use crate::{
    conversation::{PeerRule, PreferencesPatch},
    ids::{ConversationId, Timestamp, UserId},
    limits::{BLOCKS_MAX, BLOCKS_PAGE_MAX},
    ports::{Clock, Conversations, Rules, Unavailable},
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

/// What blocks need of the world.
#[derive(Clone, Copy)]
pub struct BlockPorts<'a> {
    /// What users have ruled.
    pub rules: &'a dyn Rules,
    /// Members.
    pub conversations: &'a dyn Conversations,
    /// Time.
    pub clock: &'a dyn Clock,
}

/// Blocks a user. Blocked already, all is well. Calls at the same moment may exceed the limit by their number.
pub async fn block(ports: BlockPorts<'_>, user: &UserId, other: &UserId) -> Result<(), BlockError> {
    let conversation = conversation_with(user, other)?;
    let all = ports.rules.blocks(user, None, BLOCKS_MAX).await?;
    let now = ports.clock.now();
    if !all.iter().any(|block| block.user == *other) {
        if all.len() >= BLOCKS_MAX {
            return Err(BlockError::Full);
        }
        ports.rules.block(user, other, now).await?;
    }
    // May have failed the last time.
    Ok(ports.conversations.set_peer_rule(&conversation, user, PeerRule::Block(now)).await?)
}

/// Ends a block; where there is none, all is well. What was withheld stays so.
pub async fn unblock(ports: BlockPorts<'_>, user: &UserId, other: &UserId) -> Result<(), BlockError> {
    let conversation = conversation_with(user, other)?;
    ports.conversations.set_peer_rule(&conversation, user, PeerRule::Unblock).await?;
    Ok(ports.rules.unblock(user, other).await?)
}

/// Accepts that a stranger writes: what they send is no request any more.
pub async fn accept(ports: BlockPorts<'_>, user: &UserId, other: &UserId) -> Result<(), BlockError> {
    let conversation = conversation_with(user, other)?;
    let rule = PeerRule::Accept(ports.clock.now());
    Ok(ports.conversations.set_peer_rule(&conversation, user, rule).await?)
}

/// Turns a stranger down: blocked, and what they have sent is put away.
pub async fn decline(ports: BlockPorts<'_>, user: &UserId, other: &UserId) -> Result<(), BlockError> {
    block(ports, user, other).await?;
    let (conversation, patch) =
        (conversation_with(user, other)?, PreferencesPatch { is_archived: Some(true), ..PreferencesPatch::default() });
    ports.conversations.set_preferences(&conversation, user, &patch, ports.clock.now()).await?;
    Ok(())
}

fn conversation_with(user: &UserId, other: &UserId) -> Result<ConversationId, BlockError> {
    if user == other {
        return Err(BlockError::Oneself);
    }
    Ok(ConversationId::direct(user.clone(), other.clone()))
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
