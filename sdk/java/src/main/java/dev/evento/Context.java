package dev.evento;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.Objects;
import java.util.UUID;

/**
 * What {@code handle} may use beside the command and the state. None of it ever changes for a command, however often
 * it is tried, so that every attempt decides the same.
 */
public final class Context {
    private static final byte[] UUID_LABEL = {'u', 'u', 'i', 'd'};
    private static final byte[] RANDOM_LABEL = {'r', 'a', 'n', 'd', 'o', 'm'};

    private final String entityId;
    private final long seq;
    private final String commandId;
    private final Instant time;
    private final Bytes seed;
    private SeededRandom random;

    /** For tests of a single method; the server and the test kit make their own. The seed has 16 bytes. */
    public Context(String entityId, long seq, String commandId, Instant time, Bytes seed) {
        this.entityId = Objects.requireNonNull(entityId, "entityId");
        this.seq = seq;
        this.commandId = Objects.requireNonNull(commandId, "commandId");
        this.time = Objects.requireNonNull(time, "time");
        this.seed = Objects.requireNonNull(seed, "seed");
        if (seed.size() != 16) {
            throw new IllegalArgumentException("a seed has 16 bytes, not " + seed.size());
        }
    }

    /** The instance. */
    public String entityId() {
        return entityId;
    }

    /** Number of events already in the state. */
    public long seq() {
        return seq;
    }

    /** The command's id. */
    public String commandId() {
        return commandId;
    }

    /** When the command was accepted, in milliseconds; the only clock there is. */
    public Instant time() {
        return time;
    }

    /** The only chance there is: 16 bytes, recorded with the command. */
    public Bytes seed() {
        return seed;
    }

    /** Writes lines to stderr that carry the command's id; Evento keeps them ({@code evento function logs}). */
    public System.Logger log() {
        return new CommandLog(commandId);
    }

    /**
     * The n-th id of this command: a UUID (version 8) that every attempt gives again.
     *
     * <p>The first 16 bytes of SHA-256(seed, {@code uuid}, n as 4 bytes big-endian), with version and variant set.
     */
    public UUID uuid(int n) {
        byte[] number = {(byte) (n >>> 24), (byte) (n >>> 16), (byte) (n >>> 8), (byte) n};
        ByteBuffer digest = ByteBuffer.wrap(sha256(UUID_LABEL, number));
        long high = digest.getLong() & ~0xf000L | 0x8000L;
        long low = digest.getLong() & 0x3fff_ffff_ffff_ffffL | 0x8000_0000_0000_0000L;
        return new UUID(high, low);
    }

    /**
     * Random numbers that every attempt gives again. There is one sequence for a command: who asks again goes on in it.
     *
     * <p>The key stream of ChaCha20, keyed with SHA-256(seed, {@code random}), with a nonce of zeros.
     */
    public SeededRandom random() {
        if (random == null) {
            random = new SeededRandom(sha256(RANDOM_LABEL, new byte[0]));
        }
        return random;
    }

    /** What {@code apply} gets for the events of this command. */
    public ApplyContext forApply() {
        return new ApplyContext(entityId, time);
    }

    private byte[] sha256(byte[] label, byte[] rest) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            digest.update(seed.toByteArray());
            digest.update(label);
            return digest.digest(rest);
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException("every Java platform has SHA-256", impossible);
        }
    }
}
