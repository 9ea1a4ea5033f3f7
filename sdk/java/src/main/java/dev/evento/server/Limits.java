package dev.evento.server;

import java.time.Duration;

/** Every bound of the server. */
final class Limits {
    /** Bytes of a request's or reply's body. */
    static final int BODY_BYTES = 16 << 20;
    /** Bytes of a request's line and headers. */
    static final int HEAD_BYTES = 16 << 10;
    /** Fields of a request. */
    static final int FIELDS = 64;
    /** Requests worked on at a time; more are answered 503. */
    static final int IN_FLIGHT = 64;
    /** Connections open at a time; more are answered 503 and closed. */
    static final int CONNECTIONS = 256;
    /** Works of one batch. */
    static final int WORKS = 512;
    /** Steps of one batch. */
    static final int STEPS = 5_000;
    /** Bytes of buffers that a connection keeps between requests. */
    static final int KEPT_BYTES = 1 << 20;
    /** Bytes of a failure's title and detail. */
    static final int TITLE_BYTES = 200;
    static final int DETAIL_BYTES = 8_192;
    /** Longest wait for a request on an idle connection; Evento closes after 60 s. */
    static final Duration IDLE = Duration.ofSeconds(75);
    /** Longest time that one request may take to arrive, or one reply to leave. */
    static final Duration TRANSFER = Duration.ofSeconds(30);
    /** Longest time for a request that names no deadline: the longest that can be configured. */
    static final Duration CALL = Duration.ofMinutes(15);
    /** From SIGTERM to the end. */
    static final Duration GRACE = Duration.ofMillis(4_500);

    private Limits() {}
}
