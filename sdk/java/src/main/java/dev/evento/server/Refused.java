package dev.evento.server;

/** A request that is answered by a status other than 200. Carries no stack. */
final class Refused extends RuntimeException {
    private static final long serialVersionUID = 1;

    final int status;
    final String title;
    final String detail;
    /** Whether the connection cannot go on, since the rest of the request was not read. */
    final boolean closes;

    Refused(int status, String title, String detail, boolean closes) {
        super(title, null, false, false);
        this.status = status;
        this.title = title;
        this.detail = detail;
        this.closes = closes;
    }

    Refused(int status, String title, String detail) {
        this(status, title, detail, false);
    }
}
