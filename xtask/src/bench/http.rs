//! Plain HTTP/1.1 over one connection that is kept, for many clients at once: RFC 9112, as far as a server's answers to GET
//! need it.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};

/// How long an answer may pause.
const PATIENCE: Duration = Duration::from_mins(1);

/// A client that sends one request after the other.
pub(super) struct Connection {
    address: String,
    reader: Option<BufReader<TcpStream>>,
}

/// An answer, its body counted and dropped.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Response {
    /// The status code.
    pub(super) status: u16,
    /// How long the body was.
    pub(super) bytes: u64,
}

/// How the end of a body is found.
#[derive(Debug, Default, PartialEq, Eq)]
struct Framing {
    length: u64,
    is_chunked: bool,
    closes: bool,
}

impl Connection {
    /// For `http://ADDR:PORT`; nothing is connected yet.
    ///
    /// # Errors
    /// When it is another kind of URL.
    pub(super) fn new(url: &str) -> Result<Self> {
        let address = url.strip_prefix("http://").with_context(|| format!("{url} is no http URL"))?;
        Ok(Self { address: address.trim_end_matches('/').to_owned(), reader: None })
    }

    /// Asks for a path and reads all of the answer.
    ///
    /// # Errors
    /// When the server cannot be reached, pauses too long, or breaks off.
    pub(super) fn get(&mut self, path: &str, token: &str) -> Result<Response> {
        let mut reader = match self.reader.take() {
            Some(reader) => reader,
            None => self.connect()?,
        };
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\r\n", self.address);
        reader.get_mut().write_all(request.as_bytes()).context("cannot send a request")?;
        let (status, framing) = read_head(&mut reader)?;
        let bytes = if framing.is_chunked { skip_chunks(&mut reader)? } else { skip(&mut reader, framing.length)? };
        if !framing.closes {
            self.reader = Some(reader);
        }
        Ok(Response { status, bytes })
    }

    fn connect(&self) -> Result<BufReader<TcpStream>> {
        let stream = TcpStream::connect(&self.address).with_context(|| format!("cannot reach {}", self.address))?;
        stream
            .set_nodelay(true)
            .and_then(|()| stream.set_read_timeout(Some(PATIENCE)))
            .context("cannot set a socket")?;
        Ok(BufReader::with_capacity(1 << 17, stream))
    }
}

fn read_head(reader: &mut impl BufRead) -> Result<(u16, Framing)> {
    let mut line = String::new();
    reader.read_line(&mut line).context("cannot read an answer")?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.with_context(|| format!("{line:?} is no status line"))?;
    let mut framing = Framing::default();
    loop {
        line.clear();
        ensure!(reader.read_line(&mut line).context("cannot read an answer")? > 0, "an answer broke off");
        let field = line.trim_end().to_ascii_lowercase();
        match field.split_once(':').map(|(name, value)| (name, value.trim())) {
            None if field.is_empty() => return Ok((status, framing)),
            Some(("content-length", length)) => framing.length = length.parse().context("no length")?,
            Some(("transfer-encoding", "chunked")) => framing.is_chunked = true,
            Some(("connection", "close")) => framing.closes = true,
            _ => {}
        }
    }
}

fn skip_chunks(reader: &mut impl BufRead) -> Result<u64> {
    let (mut bytes, mut line) = (0, String::new());
    loop {
        line.clear();
        reader.read_line(&mut line).context("cannot read a chunk")?;
        let length = u64::from_str_radix(line.trim(), 16).with_context(|| format!("{line:?} is no chunk length"))?;
        bytes += skip(reader, length)?;
        ensure!(skip(reader, 2)? == 2, "a chunk has no end");
        if length == 0 {
            return Ok(bytes);
        }
    }
}

fn skip(reader: &mut impl BufRead, length: u64) -> Result<u64> {
    let mut left = length;
    while left > 0 {
        let found = reader.fill_buf().context("cannot read a body")?.len();
        if found == 0 {
            bail!("{left} bytes of {length} did not come");
        }
        let taken = usize::try_from(left).map_or(found, |left| left.min(found));
        reader.consume(taken);
        left -= taken as u64;
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_tell_status_and_framing() {
        let mut text = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\n".as_bytes();
        let framing = Framing { length: 7, is_chunked: false, closes: true };
        assert_eq!(read_head(&mut text).unwrap(), (200, framing));
        assert!(read_head(&mut "HTTP/1.1 200 OK\r\nA: b\r\n".as_bytes()).is_err());
        assert!(read_head(&mut "".as_bytes()).is_err());
    }

    #[test]
    fn chunks_are_counted() {
        assert_eq!(skip_chunks(&mut "4\r\nWiki\r\nA\r\n0123456789\r\n0\r\n\r\n".as_bytes()).unwrap(), 14);
        assert!(skip_chunks(&mut "4\r\nWi".as_bytes()).is_err());
    }
}
