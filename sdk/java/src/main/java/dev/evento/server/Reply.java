package dev.evento.server;

import dev.evento.Failure;
import dev.evento.codec.Writer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;

/** A reply on its way out; one per connection, used again. */
final class Reply {
    private static final int WRITE_BYTES = 256 << 10;

    private final Writer head = new Writer(512);
    /** The body, written by whoever answers. */
    final Writer body = new Writer(4096);
    private final byte[] manifestField;

    private int status;
    private String contentType;
    private String event;

    /** {@code manifestDigest}: hex SHA-256 of what discovery serves. */
    Reply(String manifestDigest) {
        manifestField = ascii("evento-manifest: " + manifestDigest + "\r\n");
    }

    /** An answer of 200 with whatever is written to the body next. */
    void ok(String contentType) {
        begin(200, contentType);
    }

    /** An answer of another status without a body, such as 204. */
    void empty(int status) {
        begin(status, null);
    }

    /** The event that the body is. */
    void event(String name) {
        event = name;
    }

    private void begin(int status, String contentType) {
        this.status = status;
        this.contentType = contentType;
        event = null;
        body.clear(Limits.KEPT_BYTES);
    }

    /** A problem document (RFC 9457). */
    void problem(int status, String title, String detail) {
        problem(status, title, detail, "");
    }

    /** The problem document of a failure of user code. */
    void failure(Failure failure) {
        int status = switch (failure.kind()) {
            case RETRY -> 500;
            case POISON -> 422;
            case CONTRACT -> 400;
        };
        String title = Failures.cut(String.valueOf(failure.title()), Limits.TITLE_BYTES);
        String more = ",\"evento-retry\":" + (failure.kind() != Failure.Kind.POISON)
                + ",\"evento-fingerprint\":\"" + Failures.fingerprint(failure) + "\"";
        problem(status, title, Failures.cut(failure.detail(), Limits.DETAIL_BYTES), more);
    }

    private void problem(int status, String title, String detail, String more) {
        begin(status, "application/problem+json");
        byte[] text = ("{\"type\":\"about:blank\",\"title\":" + Json.quote(title) + ",\"status\":" + status
                + ",\"detail\":" + Json.quote(detail) + more + "}").getBytes(StandardCharsets.UTF_8);
        body.writeRaw(text, 0, text.length);
    }

    /** Sends it. {@code call} is the request's {@code Evento-Call}, or null. */
    void send(SocketChannel channel, String call, boolean close) throws IOException {
        if (status == 200 && body.size() > Limits.BODY_BYTES) {
            int size = body.size();
            problem(413, "the answer is too large", "at most " + Limits.BODY_BYTES + " bytes; this one has " + size);
        }
        head.clear(Limits.KEPT_BYTES);
        line("HTTP/1.1 " + status + " " + reason(status));
        if (contentType != null) {
            line("content-type: " + contentType);
        }
        if (status != 204) {
            line("content-length: " + body.size());
        }
        if (event != null) {
            line("evento-event: " + event);
        }
        if (call != null) {
            line("evento-call: " + call);
        }
        if (status == 503) {
            line("retry-after: 1");
        }
        head.writeRaw(manifestField, 0, manifestField.length);
        line(close ? "connection: close\r\n" : "");
        flush(channel);
    }

    private void line(String text) {
        byte[] bytes = ascii(text + "\r\n");
        head.writeRaw(bytes, 0, bytes.length);
    }

    private void flush(SocketChannel channel) throws IOException {
        int first = Math.min(body.size(), WRITE_BYTES);
        ByteBuffer[] both = {ByteBuffer.wrap(head.array(), 0, head.size()), ByteBuffer.wrap(body.array(), 0, first)};
        while (both[0].hasRemaining() || both[1].hasRemaining()) {
            channel.write(both);
        }
        // In pieces, since the channel copies through a direct buffer of this size that the thread keeps.
        for (int from = first; from < body.size(); ) {
            from += channel.write(ByteBuffer.wrap(body.array(), from, Math.min(WRITE_BYTES, body.size() - from)));
        }
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    private static String reason(int status) {
        return switch (status) {
            case 200 -> "OK";
            case 204 -> "No Content";
            case 400 -> "Bad Request";
            case 401 -> "Unauthorized";
            case 404 -> "Not Found";
            case 405 -> "Method Not Allowed";
            case 409 -> "Conflict";
            case 413 -> "Content Too Large";
            case 415 -> "Unsupported Media Type";
            case 422 -> "Unprocessable Content";
            case 431 -> "Request Header Fields Too Large";
            case 500 -> "Internal Server Error";
            case 503 -> "Service Unavailable";
            case 505 -> "HTTP Version Not Supported";
            default -> "";
        };
    }
}
