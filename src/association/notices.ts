import { encodeEventReport } from '../dicom/command-set';
import { type CommitmentReport, encodeCommitmentReport, STORAGE_COMMITMENT } from '../dicom/commitment';
import type { NegotiatedContext } from './presentation-contexts';
import type { AssociationScp } from './scp';

interface Notice {
  context: NegotiatedContext;
  report: CommitmentReport;
  settle(acknowledged: boolean): void;
}

/**
 * What we say unasked on an association that the peer opened: N-EVENT-REPORT (PS3.4 J.3.3), one at a time and only
 * between two messages of the peer, for nobody has agreed on asynchronous operations (PS3.7 D.3.3.3).
 */
export class Notices {
  private readonly waiting: Notice[] = [];
  private underWay: Notice | null = null;
  private messageId = 0;
  private idle = false;
  private over = false;

  constructor(
    private readonly scp: AssociationScp,
    private readonly answerSeconds: number,
  ) {}

  /** True when the peer answered with success; false where it did not in time, or the association has ended. */
  report(context: NegotiatedContext, report: CommitmentReport): Promise<boolean> {
    if (this.over) return Promise.resolve(false);
    return new Promise((resolve) => {
      const late = setTimeout(() => notice.settle(false), this.answerSeconds * 1000);
      const notice: Notice = {
        context,
        report,
        settle: (acknowledged) => {
          clearTimeout(late);
          this.forget(notice);
          resolve(acknowledged);
        },
      };
      this.waiting.push(notice);
      this.say();
    });
  }

  /** The association waits for the peer's next message, or no longer. */
  between(idle: boolean): void {
    this.idle = idle;
    this.say();
  }

  answered(messageId: number, status: number | null): void {
    if (this.underWay !== null && messageId === this.messageId) this.underWay.settle(status === 0x0000);
  }

  end(): void {
    this.over = true;
    for (const notice of [this.underWay, ...this.waiting]) notice?.settle(false);
  }

  private say(): void {
    if (!this.idle || this.over || this.underWay !== null) return;
    const notice = this.waiting.shift();
    if (notice === undefined) return;
    this.underWay = notice;
    this.messageId += 1;
    const { context, report } = notice;
    const { sopClassUid, sopInstanceUid, eventType } = STORAGE_COMMITMENT;
    const command = encodeEventReport({
      sopClassUid,
      sopInstanceUid,
      eventType: report.failed.length === 0 ? eventType.success : eventType.failuresExist,
      messageId: this.messageId,
    });
    this.scp.say(context.id, command, 'command');
    this.scp.say(context.id, encodeCommitmentReport(report, context.transferSyntax), 'data set');
  }

  private forget(notice: Notice): void {
    if (this.underWay === notice) this.underWay = null;
    const at = this.waiting.indexOf(notice);
    if (at >= 0) this.waiting.splice(at, 1);
    this.say();
  }
}
