package dev.evento.server;

import dev.evento.codec.Malformed;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.time.Duration;

/** One connection: reads a request, answers it, reads the next. Runs on a thread of its own. */
final class Connection implements Runnable {
    private static final String RUN_TYPE = "application/vnd.evento.run.v1+avro";
    private static final String MANIFEST_TYPE = "application/vnd.evento.manifest.v1+json";
    /** Bytes read and thrown away after a refusal, so that the peer can read it. */
    private static final long DISCARDED_MAX = 64L << 20;

    private final SocketChannel channel;
    private final Server server;
    private final Request request;
    private final Reply reply;
    private final Run run;
    private final Plain plain;

    /** Guarded by this object: when the connection is closed from outside, and the thread that user code runs on. */
    private long closeAt;
    private Thread working;
    private boolean closed;

    Connection(SocketChannel channel, Server server) {
        this.channel = channel;
        this.server = server;
        request = new Request(channel, server.budget());
        reply = new Reply(server.manifestDigest());
        run = new Run(server.functions(), server.failures());
        plain = new Plain(server.functions(), server.failures());
        allow(Limits.IDLE);
    }

    @Override
    public void run() {
        try (channel) {
            while (answerNext()) {
                request.recycle();
                allow(Limits.IDLE);
            }
        } catch (IOException | Deadline.Passed gone) {
            // The peer is gone, or was told by the closed connection that there is no answer.
        } finally {
            request.release();
            server.ended(this);
        }
    }

    /** From now on the connection may go on for so long. */
    private synchronized void allow(Duration time) {
        closeAt = System.nanoTime() + time.toNanos();
    }

    /** Closes it, and interrupts user code, when its time is over. Called by the server's watch. */
    synchronized void closeIfLate(long now) {
        if (now - closeAt >= 0) {
            close();
        }
    }

    /** Closes it. User code that still runs is interrupted. */
    synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        try {
            channel.close();
        } catch (IOException ignored) {
            // It is closed as far as it can be.
        }
        if (working != null) {
            working.interrupt();
        }
    }

    /** Answers one request; false when the connection ends. */
    private boolean answerNext() throws IOException {
        if (!request.awaitFirstByte()) {
            return false;
        }
        allow(Limits.TRANSFER);
        boolean goesOn = true;
        boolean admitted = false;
        try {
            try {
                request.readHead();
                Deadline deadline = request.fields().deadline();
                request.readBody();
                admitted = server.admit();
                answer(admitted, deadline);
            } catch (Refused refused) {
                goesOn = !refused.closes;
                reply.problem(refused.status, refused.title, refused.detail);
            }
            goesOn &= request.keepAlive() && !server.isStopping();
            allow(Limits.TRANSFER);
            reply.send(channel, call(), !goesOn);
        } finally {
            if (admitted) {
                server.release();
            }
        }
        if (!goesOn) {
            discardRest();
        }
        return goesOn;
    }

    private String call() {
        try {
            return request.fields().text("evento-call");
        } catch (Refused twice) {
            return null;
        }
    }

    private void answer(boolean admitted, Deadline deadline) {
        String path = request.path();
        String instance = request.fields().text("evento-instance");
        String own = server.settings().instance();
        if (own != null && instance != null && !own.equals(instance)) {
            throw new Refused(409, "this is another instance", "Evento started this process as another one");
        }
        if (!admitted) {
            throw new Refused(503, server.isStopping() ? "this function is stopping" : "too many requests at once", "");
        }
        if (request.method().equals("GET")) {
            get(path);
        } else {
            post(path, deadline);
        }
    }

    private void get(String path) {
        switch (path) {
            case "/.well-known/evento" -> {
                byte[] manifest = server.functions().manifest();
                reply.ok(MANIFEST_TYPE);
                reply.body.writeRaw(manifest, 0, manifest.length);
            }
            case "/ready" -> {
                reply.ok("text/plain");
                reply.body.writeRaw(new byte[] {'r', 'e', 'a', 'd', 'y', '\n'}, 0, 6);
            }
            default -> throw new Refused(isWork(path) ? 405 : 404, "no such path", path);
        }
    }

    private static boolean isWork(String path) {
        return path.equals("/run") || path.startsWith("/handle/") || path.startsWith("/apply/");
    }

    private void post(String path, Deadline deadline) {
        if (!isWork(path)) {
            throw new Refused(path.equals("/ready") || path.equals("/.well-known/evento") ? 405 : 404,
                    "no such path", path);
        }
        if (!request.method().equals("POST")) {
            throw new Refused(405, "POST is expected", request.method());
        }
        server.identity().verify(request);
        begin(deadline);
        try {
            work(path, deadline);
        } finally {
            finish();
        }
        deadline.check();
    }

    private void work(String path, Deadline deadline) {
        if (path.startsWith("/handle/")) {
            plain.handle(path.substring("/handle/".length()), request, deadline, reply);
        } else if (path.startsWith("/apply/")) {
            plain.apply(path.substring("/apply/".length()), request, deadline, reply);
        } else {
            batch(deadline);
        }
    }

    private void batch(Deadline deadline) {
        if (!request.fields().contentType().equals(RUN_TYPE)) {
            throw new Refused(415, "another content type is expected", RUN_TYPE);
        }
        reply.ok(RUN_TYPE);
        try {
            run.answer(request.body(), request.bodyFrom(), request.bodyTo(), deadline, reply.body);
        } catch (Malformed malformed) {
            throw new Refused(400, "the envelope cannot be read", malformed.getMessage());
        }
    }

    /** User code begins: from here on the watch may interrupt it. */
    private synchronized void begin(Deadline deadline) {
        closeAt = deadline.until();
        working = Thread.currentThread();
    }

    /** User code has ended, and no interrupt may reach what comes after it. */
    private synchronized void finish() {
        working = null;
        Thread.interrupted();
    }

    /** Reads on for a while after the last reply: closing at once would take the reply away from the peer. */
    private void discardRest() throws IOException {
        channel.shutdownOutput();
        allow(Duration.ofSeconds(2));
        ByteBuffer sink = ByteBuffer.allocate(64 << 10);
        for (long left = DISCARDED_MAX; left > 0; ) {
            sink.clear();
            int count = channel.read(sink);
            if (count < 0) {
                return;
            }
            left -= count;
        }
    }
}
