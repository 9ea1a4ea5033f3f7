//! An answer on its way out: what was made in memory, and stretches of files that the system copies itself.
//!
//! Between `api.rs`, which makes it, and `connection.rs`, which gives it a deadline. A stretch of a file never comes
//! into our memory (sendfile), except on a disk that has no handles.

use std::io;

use bytes::{BufMut, Bytes, BytesMut};
use evento_log::embedded::{FileStretch, Stretch};
use rustix::net::SendFlags;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

/// Records of up to so many bytes are copied to what stands before them; longer ones are a piece of their own.
const COPIED_MAX: usize = 16 << 10;
/// Bytes read at once from a file without a handle.
const READ: usize = 256 << 10;

/// An answer, ready to be written.
pub(crate) struct Reply {
    pieces: Vec<Piece>,
    /// Given back when the answer is written.
    held: Option<OwnedSemaphorePermit>,
}

enum Piece {
    Made(BytesMut),
    Shared(Bytes),
    File(FileStretch),
}

/// An answer that is being made. It begins with the place of its length.
pub(crate) struct Pieces {
    done: Vec<Piece>,
    open: BytesMut,
}

impl Pieces {
    fn new(size: usize) -> Pieces {
        let mut open = BytesMut::with_capacity(size + 4);
        open.put_u32(0);
        Pieces { done: Vec::new(), open }
    }

    /// Where the next bytes go.
    pub(crate) fn out(&mut self) -> &mut BytesMut {
        &mut self.open
    }

    /// Record batches as they are.
    pub(crate) fn put(&mut self, records: Stretch) {
        let piece = match records {
            Stretch::Memory(bytes) if bytes.len() <= COPIED_MAX => return self.open.extend_from_slice(&bytes),
            Stretch::Memory(bytes) => Piece::Shared(bytes),
            Stretch::File(file) => Piece::File(file),
        };
        self.done.push(Piece::Made(std::mem::take(&mut self.open)));
        self.done.push(piece);
    }

    fn finish(self) -> Vec<Piece> {
        let mut pieces = self.done;
        pieces.push(Piece::Made(self.open));
        let length: u64 = pieces.iter().map(Piece::bytes).sum();
        if let Some(Piece::Made(first)) = pieces.first_mut() {
            first[..4].copy_from_slice(&(length as u32 - 4).to_be_bytes());
        }
        pieces
    }
}

impl Piece {
    fn bytes(&self) -> u64 {
        match self {
            Piece::Made(bytes) => bytes.len() as u64,
            Piece::Shared(bytes) => bytes.len() as u64,
            Piece::File(file) => file.length,
        }
    }
}

impl Reply {
    /// An answer whose content `write` appends, of about so many bytes; the length is put before it.
    pub(crate) fn new<E>(size: usize, write: impl FnOnce(&mut Pieces) -> Result<(), E>) -> Result<Reply, E> {
        let mut pieces = Pieces::new(size);
        write(&mut pieces)?;
        Ok(Reply { pieces: pieces.finish(), held: None })
    }

    /// Keeps a permit until the answer is written.
    pub(crate) fn holding(mut self, held: Option<OwnedSemaphorePermit>) -> Reply {
        self.held = held;
        self
    }

    /// Writes all of it.
    pub(crate) async fn write(self, stream: &mut TcpStream) -> io::Result<()> {
        let last = self.pieces.len() - 1;
        for (n, piece) in self.pieces.iter().enumerate() {
            // What is followed by more goes out with it: no packet for a few bytes.
            let flags = if n < last { SendFlags::MORE } else { SendFlags::empty() };
            match piece {
                Piece::Made(bytes) => send(stream, bytes, flags).await?,
                Piece::Shared(bytes) => send(stream, bytes, flags).await?,
                Piece::File(file) => send_file(stream, file, flags).await?,
            }
        }
        Ok(())
    }
}

async fn send(stream: &TcpStream, mut bytes: &[u8], flags: SendFlags) -> io::Result<()> {
    while !bytes.is_empty() {
        let flags = flags | SendFlags::NOSIGNAL;
        let sent = stream.async_io(Interest::WRITABLE, || Ok(rustix::net::send(stream, bytes, flags)?)).await?;
        bytes = &bytes[sent..];
    }
    Ok(())
}

async fn send_file(stream: &TcpStream, file: &FileStretch, flags: SendFlags) -> io::Result<()> {
    let mut done = 0;
    while done < file.length {
        done += match file.handle() {
            Some(handle) => {
                let left = usize::try_from(file.length - done).unwrap_or(usize::MAX);
                let copy = || Ok(rustix::fs::sendfile(stream, handle, Some(&mut (file.position + done)), left)?);
                match stream.async_io(Interest::WRITABLE, copy).await? {
                    0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                    sent => sent as u64,
                }
            }
            None => {
                let bytes = file.read(done, READ)?;
                send(stream, &bytes, flags).await?;
                bytes.len() as u64
            }
        };
    }
    Ok(())
}

#[cfg(test)]
impl Reply {
    /// The bytes as they go out.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        let of = |piece: Piece| match piece {
            Piece::Made(bytes) => bytes.to_vec(),
            Piece::Shared(bytes) => bytes.to_vec(),
            Piece::File(file) => file.read(0, usize::MAX).expect("a file").to_vec(),
        };
        self.pieces.into_iter().flat_map(of).collect()
    }
}
