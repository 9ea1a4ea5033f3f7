package bank;

import dev.evento.ApplyContext;
import dev.evento.Context;
import dev.evento.Evento;
import dev.evento.Events;

/** The bank's account: what is decided, and how the account evolves. The same rules as the bank in Rust. */
public final class Accounts implements AccountFunction {
    @Override
    public Events<OpenAccountResult> openAccount(OpenAccount c, Account a, Context cx) {
        return a == null
                ? Events.of(new AccountOpened(c.owner(), c.currency()))
                : Events.of(new AccountOpeningRejected("the account exists"));
    }

    @Override
    public Events<ReceiveDepositResult> receiveDeposit(ReceiveDeposit c, Account a, Context cx) {
        String reason = c.amount() > 0 ? unusable(a) : "the amount must be above zero";
        if (reason == null && a.balance() > Long.MAX_VALUE - c.amount()) {
            reason = "the balance would be too large";
        }
        return reason == null
                ? Events.of(new DepositReceived(c.amount(), c.reference()))
                : Events.of(new DepositRejected(c.amount(), reason));
    }

    @Override
    public Events<WithdrawCashResult> withdrawCash(WithdrawCash c, Account a, Context cx) {
        String reason = unpayable(a, c.amount());
        return reason == null
                ? Events.of(new CashWithdrawn(c.amount(), c.reference()))
                : Events.of(new WithdrawalRejected(c.amount(), reason));
    }

    @Override
    public Events<TransferOutResult> transferOut(TransferOut c, Account a, Context cx) {
        String reason = unpayable(a, c.amount());
        return reason == null
                ? Events.of(new TransferSent(c.amount(), c.to(), c.reference()))
                : Events.of(new TransferRejected(c.amount(), c.to(), reason));
    }

    @Override
    public Events<CloseAccountResult> closeAccount(CloseAccount c, Account a, Context cx) {
        String reason = unusable(a);
        if (reason == null && a.balance() != 0) {
            reason = "the account is not empty";
        }
        return reason == null ? Events.of(new AccountClosed()) : Events.of(new AccountClosingRejected(reason));
    }

    @Override
    public Account onAccountOpened(AccountOpened e, Account a, ApplyContext cx) {
        return new Account(e.owner(), e.currency(), 0, 0, false);
    }

    @Override
    public Account onDepositReceived(DepositReceived e, Account a, ApplyContext cx) {
        int deposits = a.deposits() == Integer.MAX_VALUE ? a.deposits() : a.deposits() + 1;
        return a.withBalance(a.balance() + e.amount()).withDeposits(deposits);
    }

    @Override
    public Account onCashWithdrawn(CashWithdrawn e, Account a, ApplyContext cx) {
        return a.withBalance(a.balance() - e.amount());
    }

    @Override
    public Account onTransferSent(TransferSent e, Account a, ApplyContext cx) {
        return a.withBalance(a.balance() - e.amount());
    }

    @Override
    public Account onAccountClosed(AccountClosed e, Account a, ApplyContext cx) {
        return a.withClosed(true);
    }

    /** Why nothing can be done with an account; null when something can. */
    private static String unusable(Account account) {
        if (account == null) {
            return "no such account";
        }
        return account.closed() ? "the account is closed" : null;
    }

    /** Why an amount cannot leave an account; null when it can. */
    private static String unpayable(Account account, long amount) {
        if (amount <= 0) {
            return "the amount must be above zero";
        }
        String reason = unusable(account);
        return reason == null && account.balance() < amount ? "insufficient funds" : reason;
    }

    public static void main(String[] args) {
        Evento.serve(new Accounts());
    }
}
