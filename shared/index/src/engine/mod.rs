//! Segments: a `tantivy` segment of some messages in one object, never changed.
//!
//! No text is stored, and nothing by name: conversations, users, kinds and types are hashes of 64 bits in fast columns, words
//! are postings. Messages are in the order of their time, so the latest are found from the end. All segments of a shard
//! are opened as one index, so a word is as rare as it is in the shard.

mod alike;
mod columns;
mod object;
mod segment;

use std::sync::LazyLock;

use tantivy::{
    TantivyError,
    schema::{BytesOptions, Field, IndexRecordOption, NumericOptions, Schema, TextFieldIndexing, TextOptions},
    tokenizer::{Token, TokenStream, Tokenizer, TokenizerManager},
};
use thiserror::Error;
use tidings_search::text::tokens;

pub(crate) use self::{
    columns::Columns,
    object::Held,
    segment::{Made, Open, Written, build, merge},
};

/// Why a segment cannot be read or made.
#[derive(Debug, Error)]
pub(crate) enum SegmentError {
    /// Its bytes are not what a segment's are.
    #[error("a damaged segment: {0}")]
    Damaged(&'static str),
    /// The table of its files is none.
    #[error("a damaged segment: its table")]
    Table(#[from] serde_json::Error),
    /// What the library says of it.
    #[error("a segment")]
    Index(#[from] TantivyError),
}

impl From<std::io::Error> for SegmentError {
    fn from(error: std::io::Error) -> Self {
        Self::Index(error.into())
    }
}

/// The library wants one of this name, whatever the fields.
const TOKENIZER: &str = "default";
/// The order of messages in a segment.
const TIME: &str = "time";

/// What is known of a message, a column each; and its words.
struct Fields {
    schema: Schema,
    text: Field,
    conversation: Field,
    sequence: Field,
    version: Field,
    time: Field,
    expires: Field,
    sender: Field,
    tag: Field,
}

static FIELDS: LazyLock<Fields> = LazyLock::new(|| {
    let words = TextFieldIndexing::default()
        .set_tokenizer(TOKENIZER)
        .set_index_option(IndexRecordOption::WithFreqsAndPositions);
    let number = || NumericOptions::default().set_fast();
    let hash = || BytesOptions::default().set_fast();
    let mut schema = Schema::builder();
    let text = schema.add_text_field("text", TextOptions::default().set_indexing_options(words));
    let conversation = schema.add_bytes_field("conversation", hash());
    let sequence = schema.add_u64_field("sequence", number());
    let version = schema.add_u64_field("version", number());
    let time = schema.add_u64_field(TIME, number());
    let expires = schema.add_u64_field("expires", number());
    let sender = schema.add_bytes_field("sender", hash());
    let tag = schema.add_bytes_field("tag", hash());
    Fields { schema: schema.build(), text, conversation, sequence, version, time, expires, sender, tag }
});

/// Cuts texts into words as queries are.
fn tokenizers() -> TokenizerManager {
    let manager = TokenizerManager::new();
    manager.register(TOKENIZER, Cutter);
    manager
}

#[derive(Clone)]
struct Cutter;

struct Cut {
    rest: std::vec::IntoIter<tidings_search::text::Token>,
    token: Token,
}

impl Tokenizer for Cutter {
    type TokenStream<'a> = Cut;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Cut {
        Cut { rest: tokens(text).into_iter(), token: Token::default() }
    }
}

impl TokenStream for Cut {
    fn advance(&mut self) -> bool {
        let Some(next) = self.rest.next() else { return false };
        self.token = Token {
            offset_from: next.range.start,
            offset_to: next.range.end,
            // The first is at 0: it stands before that at the outset.
            position: self.token.position.wrapping_add(1),
            text: next.text,
            position_length: 1,
        };
        true
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}
