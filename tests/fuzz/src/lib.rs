//! What each target runs: one check, within bounds of memory.

use std::{
    panic::{self, PanicHookInfo},
    process::abort,
    sync::Once,
};

use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// What a check may hold at once, in bytes: so much in any case, and so much for each byte of input.
/// The check holds several forms of what it decodes.
const HELD_BYTES_MAX: usize = 1024 * 1024;
const HELD_BYTES_PER_INPUT_BYTE_MAX: usize = 200;
/// What the making of a preview may hold: a few bytes may be a picture of fifty million pixels.
const PREVIEW_BYTES_MAX: usize = 768 * 1024 * 1024;

/// Runs the check of a target; too much memory for the input is a fault like any other.
///
/// # Panics
/// Where a rule is broken, which is what the fuzzer looks for.
pub fn run(name: &str, input: &[u8]) {
    let target = tidings_decoders::target(name).expect("a target of this name");
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    if name == "preview_source" {
        check_codecs(target.check, input)
    } else {
        drop((target.check)(input))
    }
    let held = ALLOCATOR.peak_usage().saturating_sub(before);
    let in_any_case = if name == "preview_source" { PREVIEW_BYTES_MAX } else { HELD_BYTES_MAX };
    let held_max = in_any_case + HELD_BYTES_PER_INPUT_BYTE_MAX * input.len();
    assert!(held <= held_max, "{held} bytes held for {} of input", input.len());
}

/// Runs a check of codecs that are not ours. Where one of them counts over, it wraps in what is deployed, which is built without
/// checks of overflow, and the input is refused or has a preview within bounds; any other panic is a fault.
fn check_codecs(check: fn(&[u8]) -> bool, input: &[u8]) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let fault = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !wraps_when_deployed(info) {
                fault(info);
                abort();
            }
        }));
    });
    // What else panics does not come back.
    let _ = panic::catch_unwind(|| check(input));
}

fn wraps_when_deployed(info: &PanicHookInfo<'_>) -> bool {
    let is_foreign = info.location().is_some_and(|at| at.file().contains("/registry/src/"));
    is_foreign && info.payload_as_str().is_some_and(|text| text.ends_with("with overflow"))
}
