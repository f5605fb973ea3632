//! The object of a segment: the files of a `tantivy` segment one after another, and a table of them at its end.
//!
//! First come the files that phrases and merging alone need, so that all else is one range; of each of them its last bytes,
//! which opening needs, are there again. What was read is compared with its checksum before anything looks into it: the library
//! may panic where bytes are not what it wrote.

use std::{
    collections::BTreeMap,
    fmt, io,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use serde_json::json;
use tantivy::{
    Directory, HasLen, Index, IndexReader, IndexSettings, ReloadPolicy,
    directory::{
        DirectoryLock, FileHandle, Lock, OwnedBytes, RamDirectory, WatchCallback, WatchHandle, WritePtr,
        error::{DeleteError, LockError, OpenReadError, OpenWriteError},
    },
};

use super::{FIELDS, SegmentError, tokenizers};

const FORM: u8 = 2;
/// Files that phrases and merging alone need, by their endings.
const SELDOM: [&str; 2] = ["store", "pos"];
const ALWAYS: [&str; 4] = ["term", "idx", "fieldnorm", "fast"];
/// So much of the end of a file is mostly enough to open it: the library's footer, and where each field begins.
const TAIL_BYTES: usize = 1024;
const META: &str = "meta.json";

/// What an object has, and where.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Table {
    form: u8,
    documents: u32,
    /// Where the range ends that is seldom needed.
    head: usize,
    /// Of that range, and of the rest.
    checksums: (u32, u32),
    files: BTreeMap<String, Place>,
}

/// Where a file is in the object, and where its last bytes are again.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Place {
    at: usize,
    bytes: usize,
    tail: Option<Tail>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Tail {
    at: usize,
    bytes: usize,
}

/// Packs the only segment of an index into an object; answers with its bytes, and how many of them are seldom needed.
pub(super) fn pack(index: &Index, files: &RamDirectory) -> Result<(Vec<u8>, u64), SegmentError> {
    pack_with(index, files, TAIL_BYTES)
}

fn pack_with(index: &Index, files: &RamDirectory, tail_bytes: usize) -> Result<(Vec<u8>, u64), SegmentError> {
    let segments = index.searchable_segment_metas()?;
    let [segment] = segments.as_slice() else { return Err(SegmentError::Damaged("not one segment")) };
    let name = segment.id().uuid_string();
    let mut contents = BTreeMap::new();
    for ending in SELDOM.into_iter().chain(ALWAYS) {
        let file = files.open_read(Path::new(&format!("{name}.{ending}"))).map_err(tantivy::TantivyError::from)?;
        contents.insert(ending, file.read_bytes()?);
    }
    let longest = contents.values().map(|content| content.as_slice().len()).max().unwrap_or_default();
    let mut tail_bytes = tail_bytes.max(1);
    // What opening reads of a file grows with it, slowly: what was written has been opened by who wrote it.
    loop {
        let (object, head) = packed(&contents, segment.num_docs(), tail_bytes)?;
        let rest = object.get(head..).unwrap_or_default().to_vec();
        match Held::parse(head as u64, rest).and_then(|rest| open(&[rest])) {
            Ok(_) => return Ok((object, head as u64)),
            Err(error) if tail_bytes >= longest => return Err(error),
            Err(_) => tail_bytes *= 4,
        }
    }
}

/// The object, and where the range ends that is seldom needed.
fn packed(
    contents: &BTreeMap<&str, OwnedBytes>,
    documents: u32,
    tail_bytes: usize,
) -> Result<(Vec<u8>, usize), SegmentError> {
    let (mut object, mut files) = (Vec::new(), BTreeMap::new());
    let mut head = 0;
    for (ending, is_seldom) in SELDOM.iter().map(|e| (e, true)).chain(ALWAYS.iter().map(|e| (e, false))) {
        let content = contents.get(ending).map(OwnedBytes::as_slice).unwrap_or_default();
        files.insert((*ending).to_owned(), Place { at: object.len(), bytes: content.len(), tail: None });
        object.extend_from_slice(content);
        head = if is_seldom { object.len() } else { head };
    }
    for ending in SELDOM {
        let content = contents.get(ending).map(OwnedBytes::as_slice).unwrap_or_default();
        let tail = content.get(content.len().saturating_sub(tail_bytes)..).unwrap_or_default();
        if let Some(place) = files.get_mut(ending) {
            place.tail = Some(Tail { at: object.len(), bytes: tail.len() });
        }
        object.extend_from_slice(tail);
    }
    let (seldom, always) = object.split_at(head);
    let checksums = (crc32fast::hash(seldom), crc32fast::hash(always));
    let table = serde_json::to_vec(&Table { form: FORM, documents, head, checksums, files })?;
    let length = u32::try_from(table.len()).map_err(|_| SegmentError::Damaged("a table that is too long"))?;
    object.extend(&table);
    object.extend(length.to_le_bytes());
    object.extend(crc32fast::hash(&table).to_le_bytes());
    Ok((object, head))
}

/// The bytes of an object, from a place on, as they were written.
#[derive(Clone)]
pub(crate) struct Held {
    /// Where they begin in the object.
    pub(crate) from: u64,
    pub(crate) bytes: OwnedBytes,
    table: Arc<Table>,
}

impl Held {
    /// Checks bytes that were read: all of an object, or all but the range that is seldom needed.
    pub(crate) fn parse(from: u64, bytes: Vec<u8>) -> Result<Self, SegmentError> {
        let damaged = SegmentError::Damaged;
        let (rest, checksum) = bytes.split_last_chunk::<4>().ok_or(damaged("too short"))?;
        let (rest, length) = rest.split_last_chunk::<4>().ok_or(damaged("too short"))?;
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let end = rest.len().checked_sub(length).ok_or(damaged("a table that is longer than all"))?;
        let (content, table) = rest.split_at(end);
        if crc32fast::hash(table) != u32::from_le_bytes(*checksum) {
            return Err(damaged("the checksum of the table"));
        }
        let table: Table = serde_json::from_slice(table)?;
        if table.form != FORM {
            return Err(damaged("a form that is not known"));
        }
        let start = usize::try_from(from).unwrap_or(usize::MAX);
        let (seldom, always) = if start == 0 {
            content.split_at_checked(table.head).ok_or(damaged("a head that is longer than all"))?
        } else if start == table.head {
            (&[][..], content)
        } else {
            return Err(damaged("bytes from another place on"));
        };
        if crc32fast::hash(always) != table.checksums.1 {
            return Err(damaged("a checksum"));
        }
        if start == 0 && crc32fast::hash(seldom) != table.checksums.0 {
            return Err(damaged("the checksum of the head"));
        }
        let content_end = start.checked_add(content.len()).ok_or(damaged("too long"))?;
        let is_within = |at: usize, bytes: usize| at.checked_add(bytes).is_some_and(|end| end <= content_end);
        for place in table.files.values() {
            let has_tail = place.tail.is_none_or(|tail| {
                tail.at >= table.head && tail.bytes <= place.bytes && is_within(tail.at, tail.bytes)
            });
            if !is_within(place.at, place.bytes) || !has_tail {
                return Err(damaged("a file that is not there"));
            }
        }
        let table = Arc::new(table);
        Ok(Self { from, bytes: OwnedBytes::new(bytes), table })
    }

    fn file(&self, ending: &str) -> Option<Piece> {
        let place = *self.table.files.get(ending)?;
        Some(Piece { held: self.clone(), place })
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes from {}", self.bytes.len(), self.from)
    }
}

/// A file of a segment, as far as it is held.
#[derive(Debug)]
struct Piece {
    held: Held,
    place: Place,
}

impl HasLen for Piece {
    fn len(&self) -> usize {
        self.place.bytes
    }
}

impl FileHandle for Piece {
    fn read_bytes(&self, range: Range<usize>) -> io::Result<OwnedBytes> {
        let place = self.place;
        let start = usize::try_from(self.held.from).unwrap_or(usize::MAX);
        let tail = place.tail.map(|tail| (tail.at, place.bytes - tail.bytes));
        let at = if place.at >= start {
            place.at - start + range.start
        } else if let Some((tail_at, tail_from)) = tail.filter(|(_, from)| range.start >= *from) {
            tail_at - start + (range.start - tail_from)
        } else {
            return Err(io::Error::other("a part that was not read"));
        };
        let end = at.saturating_add(range.len());
        if range.end > place.bytes || end > self.held.bytes.len() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a part that is not there"));
        }
        Ok(self.held.bytes.slice(at..end))
    }
}

/// Opens segments as one index, which is read alone.
pub(super) fn open(held: &[Held]) -> Result<(Index, IndexReader), SegmentError> {
    let (mut files, mut segments) = (BTreeMap::new(), Vec::new());
    for (number, held) in (1u32..).zip(held) {
        let id = format!("{number:032x}");
        for ending in SELDOM.iter().chain(&ALWAYS) {
            let piece = held.file(ending).ok_or(SegmentError::Damaged("a file that is not there"))?;
            files.insert(PathBuf::from(format!("{id}.{ending}")), Arc::new(piece));
        }
        segments.push(json!({ "segment_id": id, "max_doc": held.table.documents, "deletes": null }));
    }
    let meta = json!({
        "index_settings": IndexSettings::default(), "segments": segments, "schema": FIELDS.schema, "opstamp": 0,
    });
    let mut index = Index::open(Files { files: Arc::new(files), meta: serde_json::to_vec(&meta)?.into() })?;
    index.set_tokenizers(tokenizers());
    let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
    Ok((index, reader))
}

/// The files of some segments.
#[derive(Clone, Debug)]
struct Files {
    files: Arc<BTreeMap<PathBuf, Arc<Piece>>>,
    meta: Arc<[u8]>,
}

fn read_only() -> Arc<io::Error> {
    Arc::new(io::Error::from(io::ErrorKind::ReadOnlyFilesystem))
}

impl Directory for Files {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        let piece = self.files.get(path).ok_or_else(|| OpenReadError::FileDoesNotExist(path.to_owned()))?;
        Ok(Arc::<Piece>::clone(piece))
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        Ok(self.files.contains_key(path) || path == Path::new(META))
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        if path == Path::new(META) {
            Ok(self.meta.to_vec())
        } else {
            Err(OpenReadError::FileDoesNotExist(path.to_owned()))
        }
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        Err(DeleteError::IoError { io_error: read_only(), filepath: path.to_owned() })
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        Err(OpenWriteError::IoError { io_error: read_only(), filepath: path.to_owned() })
    }

    fn atomic_write(&self, _: &Path, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync_directory(&self) -> io::Result<()> {
        Ok(())
    }

    // Nothing of it ever changes.
    fn acquire_lock(&self, _: &Lock) -> Result<DirectoryLock, LockError> {
        Ok(DirectoryLock::from(Box::new(())))
    }

    fn watch(&self, _: WatchCallback) -> tantivy::Result<WatchHandle> {
        Ok(WatchHandle::empty())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use tantivy::indexer::merge_filtered_segments;
    use tidings_domain::ids::{Sequence, Timestamp};
    use tidings_search::{
        document::{Document, Key, Month, Shard, Tag},
        query::Words,
    };

    use super::*;
    use crate::engine::{Made, Open, build};

    /// The length of the table, and its checksum.
    const END_BYTES: usize = 8;

    fn object() -> (Vec<u8>, u64) {
        let document = |sequence: u64, text: &str| Document {
            key: Key { conversation: Tag(7), sequence: Sequence(sequence) },
            shard: Shard { month: Month(24_000), bucket: 7 },
            version: Sequence(sequence),
            ts: Timestamp(sequence),
            expires_at: None,
            sender: Tag(1),
            tags: BTreeSet::from([Tag(1), Tag(2)]),
            text: Some(text.into()),
        };
        // Of some thousand positions, more than the bytes at the end that are there again.
        let long: Vec<String> = (0..9000).map(|word| format!("word{}", word % 40)).collect();
        let documents = [document(1, "a cup of tea"), document(2, &long.join(" "))];
        let written = build(&documents, Made { id: "a".into(), freed: 0, at: Timestamp(9) }).unwrap();
        (written.object, written.segment.head)
    }

    fn found(open: &Open, words: &str) -> Result<Vec<u32>, SegmentError> {
        let mut found = Vec::new();
        open.matching(&Words::parse(words).unwrap(), |_, doc, _| found.push(doc))?;
        Ok(found)
    }

    #[test]
    fn an_object_reads_back_whole_or_without_what_is_seldom_needed() {
        let (object, head) = object();
        let whole = Open::new(&[Held::parse(0, object.clone()).unwrap()]).unwrap();
        assert_eq!(found(&whole, "tea").unwrap(), [0]);
        assert_eq!(found(&whole, r#""cup of tea""#).unwrap(), [0]);
        let at = usize::try_from(head).unwrap();
        let rest = Open::new(&[Held::parse(head, object[at..].to_vec()).unwrap()]).unwrap();
        assert_eq!(found(&rest, "word3").unwrap(), [1]);
        assert!(found(&rest, r#""word3 word4""#).is_err(), "the positions were not read");
    }

    #[test]
    fn as_much_of_the_end_of_a_file_is_there_again_as_opening_needs() {
        let (object, _) = object();
        let held = Held::parse(0, object).unwrap();
        let files = RamDirectory::create();
        let (read, _) = open(&[held]).unwrap();
        let segments = read.searchable_segments().unwrap();
        let index = merge_filtered_segments(&segments, IndexSettings::default(), vec![None], files.clone()).unwrap();
        let (object, head) = pack_with(&index, &files, 1).unwrap();
        let at = usize::try_from(head).unwrap();
        let rest = Open::new(&[Held::parse(head, object[at..].to_vec()).unwrap()]).unwrap();
        assert_eq!(found(&rest, "tea").unwrap(), [0]);
    }

    #[test]
    fn what_was_damaged_is_told_before_anything_looks_into_it() {
        let (object, head) = object();
        let at = usize::try_from(head).unwrap();
        for place in 0..object.len() {
            let mut damaged = object.clone();
            damaged[place] ^= 0x10;
            assert!(Held::parse(0, damaged.clone()).is_err(), "byte {place}");
            if place >= at {
                assert!(Held::parse(head, damaged[at..].to_vec()).is_err(), "byte {place} of the rest");
            }
        }
        for length in 0..object.len() {
            assert!(Held::parse(0, object[..length].to_vec()).is_err(), "{length} bytes");
            assert!(Held::parse(0, object[object.len() - length..].to_vec()).is_err(), "the last {length} bytes");
        }
        assert!(Held::parse(head + 1, object[at + 1..].to_vec()).is_err());
    }

    #[test]
    fn a_table_that_lies_with_a_good_checksum_is_told_as_well() {
        let (object, head) = object();
        let good = Held::parse(0, object.clone()).unwrap().table;
        let end = object.len() - END_BYTES - serde_json::to_vec(&*good).unwrap().len();
        let with = |change: &dyn Fn(&mut Table)| {
            let mut table: Table = serde_json::from_slice(&serde_json::to_vec(&*good).unwrap()).unwrap();
            change(&mut table);
            let table = serde_json::to_vec(&table).unwrap();
            let mut bytes = object[..end].to_vec();
            bytes.extend(&table);
            bytes.extend(u32::try_from(table.len()).unwrap().to_le_bytes());
            bytes.extend(crc32fast::hash(&table).to_le_bytes());
            Held::parse(0, bytes).and_then(|held| Open::new(&[held]))
        };
        assert!(with(&|_| {}).is_ok());
        let file =
            |change: &'static dyn Fn(&mut Place)| move |table: &mut Table| change(table.files.get_mut("pos").unwrap());
        let lies: [&dyn Fn(&mut Table); 7] = [
            &|table| table.form += 1,
            &|table| table.head = usize::MAX,
            &|table| table.files = BTreeMap::new(),
            &file(&|place| place.at = usize::MAX),
            &file(&|place| place.bytes = usize::MAX),
            &file(&|place| place.tail = Some(Tail { at: 0, bytes: 9 })),
            &file(&|place| place.tail = Some(Tail { at: usize::MAX, bytes: 9 })),
        ];
        for (number, lie) in lies.into_iter().enumerate() {
            assert!(with(lie).is_err(), "lie {number}");
        }
        assert!(head > 0);
    }
}
