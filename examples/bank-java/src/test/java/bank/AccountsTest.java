package bank;

import static dev.evento.testing.Given.given;
import static dev.evento.testing.Given.givenState;

import org.junit.jupiter.api.Test;

/** What the account decides, as given-when-then: no server, every value through its codec. */
class AccountsTest {
    private static final AccountOpened OPENED = new AccountOpened("Ada", "EUR");

    @Test
    void an_account_is_opened_once() {
        given(new Accounts())
                .when(OpenAccount.of("Ada"))
                .then(OPENED)
                .thenState(new Account("Ada", "EUR", 0, 0, false));
        given(new Accounts(), OPENED)
                .when(new OpenAccount("Eve", "EUR"))
                .thenRejected(new AccountOpeningRejected("the account exists"))
                .unchanged();
    }

    @Test
    void money_goes_in_and_out_as_far_as_it_is_there() {
        given(new Accounts(), OPENED, new DepositReceived(100, "salary"))
                .when(new ReceiveDeposit(20, "rent"))
                .then(new DepositReceived(20, "rent"))
                .thenState(new Account("Ada", "EUR", 120, 2, false));
        given(new Accounts(), OPENED, new DepositReceived(100, "salary"))
                .when(new WithdrawCash(100, ""))
                .then(new CashWithdrawn(100, ""))
                .thenState(new Account("Ada", "EUR", 0, 1, false));
        given(new Accounts(), OPENED, new DepositReceived(100, "salary"))
                .when(new WithdrawCash(101, ""))
                .thenRejected(new WithdrawalRejected(101, "insufficient funds"))
                .unchanged();
        given(new Accounts(), OPENED)
                .when(new TransferOut(500, "bob", ""))
                .thenRejected(new TransferRejected(500, "bob", "insufficient funds"))
                .unchanged();
    }

    @Test
    void no_balance_overflows() {
        givenState(new Accounts(), new Account("Ada", "EUR", Long.MAX_VALUE, 1, false))
                .when(new ReceiveDeposit(1, ""))
                .thenRejected(new DepositRejected(1, "the balance would be too large"))
                .unchanged();
    }

    @Test
    void only_an_empty_account_is_closed_and_then_nothing_moves() {
        given(new Accounts(), OPENED, new DepositReceived(1, ""))
                .when(new CloseAccount())
                .thenRejected(new AccountClosingRejected("the account is not empty"));
        given(new Accounts(), OPENED).when(new CloseAccount()).then(new AccountClosed());
        given(new Accounts(), OPENED, new AccountClosed())
                .when(new ReceiveDeposit(1, ""))
                .thenRejected(new DepositRejected(1, "the account is closed"))
                .unchanged();
        given(new Accounts())
                .when(new ReceiveDeposit(1, ""))
                .thenRejected(new DepositRejected(1, "no such account"));
    }
}
