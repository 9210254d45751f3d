//! Release notes: from the manifest, a flag or a file.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use protocol::{ErrorCode, Problem, limits};

use super::read::{Input, NotesFrom};

/// The notes; `None` where there are none or only blanks.
pub(super) fn read_notes(input: &Input) -> Result<Option<String>, Problem> {
    let text = match &input.notes {
        NotesFrom::Nowhere => return Ok(None),
        NotesFrom::Text(text) => text.clone(),
        NotesFrom::File { path, base } => {
            base.check_named(path, "notes_file")?;
            let whole = base.join(path);
            let text = read_file(&whole)?;
            base.check_real(&whole, "notes_file")?;
            text
        }
        NotesFrom::Both => {
            let message = "\"notes\" and \"notes_file\" are both given";
            return Err(Problem::new(ErrorCode::NotesInvalid, "notes", message).hint("keep one of them"));
        }
    };
    Ok((!text.trim().is_empty()).then_some(text))
}

fn read_file(path: &Path) -> Result<String, Problem> {
    let invalid = |message: String| Problem::new(ErrorCode::NotesInvalid, "notes_file", message);
    let bytes = read_bounded(path).map_err(|error| invalid(format!("{} cannot be read: {error}", path.display())))?;
    if bytes.len() > limits::NOTES_BYTES {
        let message = format!("{} is over {} bytes", path.display(), limits::NOTES_BYTES);
        return Err(invalid(message).hint("give the notes of this release only"));
    }
    let text = String::from_utf8(bytes).map_err(|_| invalid(format!("{} is not UTF-8", path.display())))?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned())
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limits::NOTES_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
