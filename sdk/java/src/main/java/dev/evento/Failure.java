package dev.evento;

/**
 * A technical failure: the business has not spoken. Throw it from handle or apply; any other exception counts as
 * {@link Kind#RETRY}. A business <em>no</em> is not a failure but an event.
 */
public final class Failure extends RuntimeException {
    /** What a failure asks of Evento. */
    public enum Kind {
        /** Try again later. */
        RETRY,
        /** Never: park the command. */
        POISON,
        /** The request, or the answer, breaks the protocol. */
        CONTRACT
    }

    private final Kind kind;
    private final String detail;

    private Failure(Kind kind, String title, String detail, Throwable cause) {
        super(title, cause);
        this.kind = kind;
        this.detail = detail;
    }

    /** Try again later. The title is one line, of which Evento keeps 200 bytes. */
    public static Failure retry(String title) {
        return new Failure(Kind.RETRY, title, "", null);
    }

    /** This command can never be handled. */
    public static Failure poison(String title) {
        return new Failure(Kind.POISON, title, "", null);
    }

    /** The bytes or names that were exchanged are wrong. */
    public static Failure contract(String title, String detail) {
        return new Failure(Kind.CONTRACT, title, detail, null);
    }

    /** The same with more to say, of which Evento keeps 8,192 bytes. */
    public Failure withDetail(String detail) {
        return new Failure(kind, title(), detail, getCause());
    }

    /** The same with the exception it comes from. */
    public Failure withCause(Throwable cause) {
        return new Failure(kind, title(), detail, cause);
    }

    /** What is asked of Evento. */
    public Kind kind() {
        return kind;
    }

    /** One line. */
    public String title() {
        return getMessage();
    }

    /** More; may be empty. */
    public String detail() {
        return detail;
    }
}
