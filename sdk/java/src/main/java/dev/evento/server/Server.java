package dev.evento.server;

import dev.evento.EntityFunction;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.InstantSource;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** Listens, hands each connection to a thread, watches the deadlines, and stops in order. */
public final class Server implements AutoCloseable {
    private static final long WATCH_NANOS = TimeUnit.MILLISECONDS.toNanos(50);
    /** How long requests are still answered 503 after the last one in flight has its answer. */
    private static final long DRAIN_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

    private final Settings settings;
    private final Functions functions;
    private final Failures failures;
    private final Identity identity;
    private final String manifestDigest;
    private final ServerSocketChannel listener;
    private final ExecutorService threads = Threads.forConnections();
    /** Bound: {@link Limits#CONNECTIONS}. */
    private final Set<Connection> connections = ConcurrentHashMap.newKeySet();
    private final Budget budget = Budget.ofHeap();
    private final Semaphore inFlight = new Semaphore(Limits.IN_FLIGHT);
    private final CountDownLatch stopped = new CountDownLatch(1);
    private volatile boolean stopping;

    private Server(Settings settings, List<EntityFunction<?, ?, ?>> entities, InstantSource clock) throws IOException {
        this.settings = settings;
        functions = new Functions(settings.function(), entities);
        failures = new Failures(settings.fullErrors());
        identity = new Identity(settings, clock);
        manifestDigest = sha256(functions.manifest());
        listener = listen(settings);
    }

    /**
     * Listens and answers from now on.
     *
     * @throws IOException when the address cannot be listened on
     */
    public static Server start(Settings settings, List<EntityFunction<?, ?, ?>> entities, InstantSource clock)
            throws IOException {
        Server server = new Server(settings, entities, clock);
        Threads.daemon("evento-accept", server::accept).start();
        Threads.daemon("evento-watch", server::watch).start();
        return server;
    }

    private static ServerSocketChannel listen(Settings settings) throws IOException {
        SocketAddress address = settings.address();
        Path path = settings.socketPath();
        if (path == null) {
            return ServerSocketChannel.open().setOption(StandardSocketOptions.SO_REUSEADDR, true).bind(address, 512);
        }
        Files.deleteIfExists(path);
        ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX).bind(address, 512);
        Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rw-------"));
        return listener;
    }

    /** Where it listens: {@code unix:/path} or {@code host:port}, with the port that was given when it was 0. */
    public String address() throws IOException {
        return listener.getLocalAddress() instanceof InetSocketAddress inet
                ? inet.getHostString() + ":" + inet.getPort() : settings.listen();
    }

    private void accept() {
        while (listener.isOpen()) {
            try {
                SocketChannel channel = listener.accept();
                if (settings.socketPath() == null) {
                    channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
                }
                take(channel);
            } catch (IOException failed) {
                if (listener.isOpen()) {
                    System.err.println("WARN a connection could not be taken: " + failed);
                    LockSupport.parkNanos(WATCH_NANOS);
                }
            }
        }
    }

    private void take(SocketChannel channel) throws IOException {
        if (connections.size() >= Limits.CONNECTIONS) {
            try (channel) {
                Reply reply = new Reply(manifestDigest);
                reply.problem(503, "too many connections", "at most " + Limits.CONNECTIONS);
                reply.send(channel, null, true);
            }
            return;
        }
        Connection connection = new Connection(channel, this);
        connections.add(connection);
        threads.execute(connection);
    }

    private void watch() {
        while (stopped.getCount() > 0) {
            long now = System.nanoTime();
            connections.forEach(connection -> connection.closeIfLate(now));
            LockSupport.parkNanos(WATCH_NANOS);
        }
    }

    /** Takes a place for a request; false when there is none. */
    boolean admit() {
        return !stopping && inFlight.tryAcquire();
    }

    void release() {
        inFlight.release();
    }

    /** Requests worked on at the moment. */
    int inFlight() {
        return Limits.IN_FLIGHT - inFlight.availablePermits();
    }

    void ended(Connection connection) {
        connections.remove(connection);
    }

    boolean isStopping() {
        return stopping;
    }

    Settings settings() {
        return settings;
    }

    Functions functions() {
        return functions;
    }

    Failures failures() {
        return failures;
    }

    Identity identity() {
        return identity;
    }

    Budget budget() {
        return budget;
    }

    String manifestDigest() {
        return manifestDigest;
    }

    /** Waits until it has stopped. */
    public void awaitStop() throws InterruptedException {
        stopped.await();
    }

    /**
     * Stops: what is in flight is answered, everything else gets 503; after {@link Limits#GRACE} whatever is left is
     * cut off.
     */
    @Override
    public void close() {
        stopping = true;
        try {
            inFlight.tryAcquire(Limits.IN_FLIGHT, Limits.GRACE.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException hurried) {
            Thread.currentThread().interrupt();
        }
        LockSupport.parkNanos(DRAIN_NANOS);
        try {
            listener.close();
            if (settings.socketPath() != null) {
                Files.deleteIfExists(settings.socketPath());
            }
        } catch (IOException left) {
            System.err.println("WARN the socket could not be removed: " + left);
        }
        connections.forEach(Connection::close);
        threads.shutdown();
        stopped.countDown();
    }

    private static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException("every Java platform has SHA-256", impossible);
        }
    }
}
