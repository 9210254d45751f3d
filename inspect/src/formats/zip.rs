//! ZIP archives that are no package of a format of its own.

use std::io::{Read, Seek};

use serde::{Deserialize, Serialize};

use crate::archive::{self, Archive};
use crate::executable::{self, Executable, HEAD_BYTES, MAX_EXECUTABLES};
use crate::input::Input;
use crate::notes::{Notes, Unreadable};

/// Files whose first bytes are looked at.
const MAX_LOOKED_AT: usize = 5_000;

/// What a ZIP archive holds. Its files are the entries of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZipArchive {
    /// The one folder that everything is in, without a slash; absent where there is no such folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_folder: Option<String>,
    /// Programs and libraries inside, by their first bytes, in the order of the archive.
    pub executables: Vec<Executable>,
}

pub(crate) fn read<R: Read + Seek>(input: &mut Input<R>, notes: &mut Notes<'_>) -> Result<ZipArchive, Unreadable> {
    let mut archive = archive::open(input)?;
    archive.list_entries(notes);
    let top_folder = top_folder(&archive, notes.limits.text_bytes);
    Ok(ZipArchive { top_folder, executables: read_executables(&mut archive, notes) })
}

fn top_folder<R: Read + Seek>(archive: &Archive<'_, R>, max_bytes: usize) -> Option<String> {
    let mut tops = archive.names().map(|name| name.split_once('/').map(|(top, _)| top));
    let first = tops.next()??;
    let is_one = !first.is_empty() && first.len() <= max_bytes && tops.all(|top| top == Some(first));
    is_one.then(|| first.to_owned())
}

fn read_executables<R: Read + Seek>(archive: &mut Archive<'_, R>, notes: &mut Notes<'_>) -> Vec<Executable> {
    let files = archive.members().filter(|member| !member.is_folder() && member.size_bytes > 0);
    let names: Vec<String> = files
        .take(MAX_LOOKED_AT)
        .filter(|member| member.name.len() <= notes.limits.text_bytes)
        .filter_map(|member| std::str::from_utf8(member.name).ok().map(str::to_owned))
        .collect();
    let mut executables = Vec::new();
    let mut unreadable = None;
    for name in names {
        match archive.read_head(&name, HEAD_BYTES) {
            Ok(head) => executables.extend(executable::parse_head(&name, &head)),
            Err(error) => unreadable = unreadable.or(Some(error)),
        }
        if executables.len() == MAX_EXECUTABLES {
            break;
        }
    }
    if let Some(Unreadable { code, message }) = unreadable {
        notes.warning(code, message);
    }
    executables
}
