package dev.evento.server;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Reads HTTP/1.1 requests off a connection, one after the other, into one buffer that is used again (RFC 9112).
 *
 * <p>Bounds: {@link Limits#HEAD_BYTES}, {@link Limits#FIELDS}, {@link Limits#BODY_BYTES}; nothing beyond them is
 * buffered.
 */
final class Request {
    private static final int READ_BYTES = 256 << 10;
    private static final byte[] CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n".getBytes(StandardCharsets.ISO_8859_1);

    private final SocketChannel channel;
    private byte[] buffer = new byte[64 << 10];
    /** The request begins here; what was read ends at {@code end}. */
    private int start;
    private int end;
    private final Fields fields = new Fields();
    private final Budget budget;
    /** Bytes taken from the budget: those above {@link Limits#KEPT_BYTES}. */
    private long taken;

    private String method;
    private String path;
    private boolean keepAlive;
    private int bodyFrom;
    private int bodyTo;
    /** Where the next request begins. */
    private int next;

    Request(SocketChannel channel, Budget budget) {
        this.channel = channel;
        this.budget = budget;
        fields.clear(buffer);
    }

    /** Its header fields. */
    Fields fields() {
        return fields;
    }

    /** Gives back what it took; the connection has ended. */
    void release() {
        budget.give(taken);
        taken = 0;
    }

    /** Forgets the request before, and gives back room that only it needed. */
    void recycle() {
        int left = end - next;
        byte[] target = buffer;
        if (buffer.length > Limits.KEPT_BYTES && left <= Limits.KEPT_BYTES) {
            target = new byte[Limits.KEPT_BYTES];
            release();
        }
        System.arraycopy(buffer, next, target, 0, left);
        buffer = target;
        start = 0;
        next = 0;
        end = left;
        bodyFrom = 0;
        bodyTo = 0;
        fields.clear(buffer);
    }

    /** Waits for the first byte of a request; false when the peer has closed instead. */
    boolean awaitFirstByte() throws IOException {
        return end > start || fill();
    }

    /** Reads the request's line and its fields. */
    void readHead() throws IOException {
        int from = start;
        int headEnd;
        while ((headEnd = endOfHead(from)) < 0) {
            if (end - start > Limits.HEAD_BYTES) {
                throw new Refused(431, "the headers are too large", "at most " + Limits.HEAD_BYTES + " bytes", true);
            }
            from = Math.max(start, end - 3);
            if (!fill()) {
                throw new EOFException();
            }
        }
        next = headEnd;
        int line = lineEnd(start);
        requestLine(new String(buffer, start, line - start, StandardCharsets.ISO_8859_1));
        for (int at = line + 2; at < headEnd - 2; at = line + 2) {
            line = lineEnd(at);
            fields.add(at, line);
        }
        String connection = fields.text("connection");
        keepAlive = connection == null || !connection.equalsIgnoreCase("close");
    }

    private int endOfHead(int from) {
        for (int at = from; at + 3 < end; at++) {
            if (buffer[at] == '\r' && buffer[at + 1] == '\n' && buffer[at + 2] == '\r' && buffer[at + 3] == '\n') {
                return at + 4;
            }
        }
        return -1;
    }

    private int lineEnd(int from) {
        int at = from;
        while (buffer[at] != '\r' || buffer[at + 1] != '\n') {
            at++;
        }
        return at;
    }

    private void requestLine(String line) {
        int first = line.indexOf(' ');
        int second = line.indexOf(' ', first + 1);
        if (first < 1 || second < 0 || !line.startsWith("/", first + 1)) {
            throw new Refused(400, "not a request of HTTP/1.1", "", true);
        }
        if (!line.substring(second + 1).equals("HTTP/1.1")) {
            throw new Refused(505, "HTTP/1.1 is spoken here", line.substring(second + 1), true);
        }
        method = line.substring(0, first);
        String target = line.substring(first + 1, second);
        int query = target.indexOf('?');
        path = query < 0 ? target : target.substring(0, query);
    }

    /** Reads the body, whose place {@link #body()}, {@link #bodyFrom()} and {@link #bodyTo()} then say. */
    void readBody() throws IOException {
        String coding = fields.text("transfer-encoding");
        String length = fields.text("content-length");
        if (coding != null && (length != null || !coding.equalsIgnoreCase("chunked"))) {
            throw new Refused(400, "a transfer-encoding that is not read here", coding, true);
        }
        String encoding = fields.text("content-encoding");
        if (encoding != null && !encoding.equalsIgnoreCase("identity")) {
            throw new Refused(415, "bodies are not compressed", encoding, true);
        }
        if ("100-continue".equalsIgnoreCase(fields.text("expect"))) {
            send(ByteBuffer.wrap(CONTINUE));
        }
        bodyFrom = next;
        bodyTo = next;
        if (coding != null) {
            readChunks();
        } else if (length != null) {
            readSized(length);
        }
    }

    private void readSized(String length) throws IOException {
        if (length.isEmpty() || length.length() > 18 || !length.chars().allMatch(c -> c >= '0' && c <= '9')) {
            throw new Refused(400, "a content-length that is no number", length, true);
        }
        long size = Long.parseLong(length);
        if (size > Limits.BODY_BYTES) {
            throw tooLarge();
        }
        need(next, (int) size);
        bodyTo = next + (int) size;
        next = bodyTo;
    }

    private void readChunks() throws IOException {
        while (true) {
            int line = awaitLine();
            String text = new String(buffer, next, line - next, StandardCharsets.ISO_8859_1).split(";", 2)[0].strip();
            if (text.isEmpty() || text.length() > 8 || !text.chars().allMatch(c -> Character.digit(c, 16) >= 0)) {
                throw new Refused(400, "a chunk without a size", "", true);
            }
            long size = Long.parseLong(text, 16);
            if (bodyTo - bodyFrom + size > Limits.BODY_BYTES) {
                throw tooLarge();
            }
            next = line + 2;
            if (size == 0) {
                break;
            }
            need(next, (int) size + 2);
            // The content moves up to the content of the chunk before it.
            System.arraycopy(buffer, next, buffer, bodyTo, (int) size);
            bodyTo += (int) size;
            next += (int) size + 2;
        }
        int line;
        while ((line = awaitLine()) != next) {
            next = line + 2;
        }
        next = line + 2;
    }

    /** Reads until there is a whole line from {@code next} on; says where it ends. */
    private int awaitLine() throws IOException {
        for (int at = next; ; at++) {
            if (at - next > Limits.HEAD_BYTES) {
                throw new Refused(400, "a chunk without a size", "", true);
            }
            need(next, at - next + 2);
            if (buffer[at] == '\r' && buffer[at + 1] == '\n') {
                return at;
            }
        }
    }

    private static Refused tooLarge() {
        return new Refused(413, "the request is too large", "at most " + Limits.BODY_BYTES + " bytes", true);
    }

    /** Reads until so many bytes are there from an index on. */
    private void need(int from, int count) throws IOException {
        if (buffer.length - from < count) {
            grow(Math.max(from + count + 1024, (int) Math.min(2L * buffer.length, Limits.KEPT_BYTES)));
        }
        while (end - from < count) {
            if (!fill()) {
                throw new EOFException();
            }
        }
    }

    /** Reads what is there, at least one byte; false at the end of the stream. */
    private boolean fill() throws IOException {
        if (end == buffer.length) {
            grow(2 * buffer.length);
        }
        // In pieces, since the channel copies through a direct buffer of this size that the thread keeps.
        int count = channel.read(ByteBuffer.wrap(buffer, end, Math.min(READ_BYTES, buffer.length - end)));
        end += Math.max(count, 0);
        return count >= 0;
    }

    private void grow(int size) {
        long more = Math.max(0, size - Limits.KEPT_BYTES) - taken;
        if (more > 0 && !budget.take(more)) {
            throw new Refused(503, "too many large requests at once", "try again", true);
        }
        taken += Math.max(more, 0);
        buffer = Arrays.copyOf(buffer, size);
        fields.moved(buffer);
    }

    private void send(ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }

    String method() {
        return method;
    }

    String path() {
        return path;
    }

    boolean keepAlive() {
        return keepAlive;
    }

    byte[] body() {
        return buffer;
    }

    int bodyFrom() {
        return bodyFrom;
    }

    int bodyTo() {
        return bodyTo;
    }
}
