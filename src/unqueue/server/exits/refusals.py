"""Why the server says no to what a lane, a bay or staff ask of an exit."""

from unqueue.kernel.errors import DomainError


class OrderLeft(DomainError):
    code = "order_left"
    status = 409
    zh = "这张订单已经出场了。如有疑问，请店员帮忙"
    en = "This order has left the store already. If that is wrong, please call staff."


class OrderAtOtherLane(DomainError):
    """Details: ``lane``."""

    code = "order_at_other_lane"
    status = 409
    permanent = False
    zh = "这张订单正在另一条通道，请到那里继续"
    en = "This order is at another lane. Please go on there."


class LaneAnswers(DomainError):
    code = "lane_answers"
    status = 409
    zh = "这条通道还在线，订单要等它自己回话"
    en = "This lane still answers: its orders wait for its own word."


class OrderAtBay(DomainError):
    """Details: ``bay``."""

    code = "order_at_bay"
    status = 409
    permanent = False
    zh = "这张订单在旁边的服务位，请到那里继续"
    en = "This order is waiting in the side bay. Please go on there."


class LaneBusy(DomainError):
    code = "lane_busy"
    status = 409
    permanent = False
    zh = "这条通道还有一位顾客，请稍等"
    en = "Another shopper is still in this lane. One moment please."


class LaneClosed(DomainError):
    code = "lane_closed"
    status = 409
    permanent = False
    zh = "这条通道暂停使用，请走旁边的通道"
    en = "This lane is closed just now. Please use the next lane."


class ExitConflict(DomainError):
    code = "exit_conflict"
    status = 409
    zh = "这个编号已用于另一次操作"
    en = "This id was used for something else."


class ExitNotAccepted(DomainError):
    code = "exit_not_accepted"
    status = 409
    permanent = False
    zh = "还不能放行，请等店员"
    en = "Not cleared yet. Please wait for our staff."


class ExitNotReleased(DomainError):
    code = "exit_not_released"
    status = 409
    zh = "这次出场还没有放行"
    en = "This exit was not released."


class ExitReleased(DomainError):
    code = "exit_released"
    status = 409
    zh = "这次出场已经放行，不能再改"
    en = "This exit is released and can't be changed any more."


class ExitEnded(DomainError):
    code = "exit_ended"
    status = 409
    zh = "这次出场已经结束，请重新出示出场码"
    en = "This exit is over. Please show your pass again."


class CallAnswered(DomainError):
    """Details: ``answered_by``."""

    code = "call_answered"
    status = 409
    zh = "{answered_by} 已经处理了"
    en = "{answered_by} has answered this already."


class CallChanged(DomainError):
    code = "call_changed"
    status = 409
    zh = "传送带上的商品变了，请再看一下"
    en = "The goods have changed meanwhile. Please have another look."


class ActionNotPossible(DomainError):
    code = "action_not_possible"
    status = 409
    zh = "这个呼叫不能这样处理"
    en = "This call can't be answered in this way."


class ReasonNeeded(DomainError):
    code = "reason_needed"
    status = 422
    zh = "请写一下原因"
    en = "Please give a reason."


class OrderReturned(DomainError):
    """Goods of an order that has not left were taken back: what may go out with it is for a person to say."""

    code = "order_returned"
    status = 409
    zh = "这张订单退过货，请到服务台，店员会帮您处理"
    en = "Goods of this order were taken back. Please come to the service desk; we will help you there."
